//! Peers that do not speak the protocol, or speak too much of it: the coordinator goes on, and a
//! worker's trials are its own.

use std::time::Duration;

use pondersweep_proto::wire;
use tokio::{
    io::{AsyncReadExt as _, AsyncWriteExt as _},
    net::TcpStream,
};
use tonic::Code;

use crate::harness::{Peer, Sandbox, Serve, TINY};

/// What every HTTP/2 client says first.
const PREFACE: &[u8] = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n";

/// Connections that a peer opens and forgets.
const SILENT: usize = 200;

async fn say(address: &str, bytes: &[u8]) {
    let mut stream = TcpStream::connect(address).await.unwrap();
    // It may be closed while we are still talking.
    let _ = stream.write_all(bytes).await;
    let mut answer = [0; 1_024];
    let _ = tokio::time::timeout(Duration::from_millis(200), stream.read(&mut answer)).await;
}

#[tokio::test]
async fn noise_on_the_port_disturbs_nobody() {
    let sandbox = Sandbox::new();
    sandbox.write("tiny.toml", TINY);
    let serve = Serve::start(&sandbox);
    serve.submit(&sandbox, "tiny.toml");
    let mut peer = Peer::register(&serve.url, "w").await;

    let address = serve.address();
    let mut silent = Vec::new();
    for number in 0..SILENT {
        let mut stream = TcpStream::connect(address).await.unwrap();
        // Half of them begin a conversation.
        let _ = stream
            .write_all(&PREFACE[..number % 2 * PREFACE.len()])
            .await;
        silent.push(stream);
    }
    let settings_frame = [0, 0, 0, 4, 0, 0, 0, 0, 0];
    let longest_frame = [0xff, 0xff, 0xff, 0, 0, 0, 0, 0, 1];
    let unknown_stream = [0, 0, 4, 3, 0, 0x7f, 0xff, 0xff, 0xff, 0, 0, 0, 8];
    let http_1 = b"GET / HTTP/1.1\r\nHost: x\r\n\r\n";
    for noise in [
        &[0; 4_096][..],
        &[0xff; 4_096],
        http_1,
        b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03",
        &[PREFACE, &longest_frame].concat(),
        &[PREFACE, &settings_frame, &unknown_stream].concat(),
        &[PREFACE, &settings_frame, &[7; 9_000]].concat(),
    ] {
        say(address, noise).await;
    }

    let token = peer.acquire().await;
    peer.report(token, 1..3).await.unwrap();
    peer.finish(token, 3).await.unwrap();
    drop(silent);
    assert_eq!(sandbox.count("select count(*) from trial_result"), 1);
    assert_eq!(serve.stop(), 0);
}

#[tokio::test]
async fn too_much_in_one_message_is_refused_and_changes_nothing() {
    let sandbox = Sandbox::new();
    sandbox.write("tiny.toml", TINY);
    let serve = Serve::start(&sandbox);
    serve.submit(&sandbox, "tiny.toml");
    let mut peer = Peer::register(&serve.url, "w").await;
    let token = peer.acquire().await;

    let too_many = peer.report(token, 0..5_000).await.unwrap_err();
    assert_eq!(too_many.code(), Code::InvalidArgument);
    let too_large = peer.report(token, 0..200_000).await.unwrap_err();
    assert_eq!(too_large.code(), Code::OutOfRange, "{too_large}");
    let long_name = wire::DrainRequest {
        worker_id: "w".repeat(3_000_000),
    };
    let refused = peer.leases.drain(long_name).await.unwrap_err();
    assert_eq!(refused.code(), Code::InvalidArgument);
    assert!(
        refused.message().len() < 10_000,
        "the answer repeats the message"
    );

    peer.finish(token, 3).await.unwrap();
    assert_eq!(sandbox.count("select count(*) from observation"), 1);
    assert_eq!(serve.stop(), 0);
}
