//! Peers that do not speak the protocol, or speak too much of it: the coordinator goes on, and a
//! worker's trials are its own.

use std::time::Duration;

use pondersweep_proto::wire;
use rustix::process::Signal;
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
async fn noise_on_the_port_disturbs_no_one() {
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

/// Reads until the other side ends the connection.
async fn ended(mut stream: TcpStream) {
    let mut answer = [0; 1_024];
    let reading = async { while stream.read(&mut answer).await.is_ok_and(|read| read > 0) {} };
    let ended = tokio::time::timeout(Duration::from_secs(60), reading).await;
    ended.expect("the coordinator ends it");
}

async fn saying(address: &str, bytes: &[u8]) -> TcpStream {
    let mut stream = TcpStream::connect(address).await.unwrap();
    stream.write_all(bytes).await.unwrap();
    stream
}

/// A call of `ListSweeps` as bytes, by a peer that acknowledges nothing afterwards.
fn a_call() -> Vec<u8> {
    let path = b"/pondersweep.v1.Sweeps/ListSweeps";
    let mut headers = vec![0x83, 0x86, 0x04, path.len() as u8];
    headers.extend(path);
    headers.extend(b"\x01\x01x");
    headers.extend(b"\x0f\x10\x10application/grpc");
    headers.extend(b"\x00\x02te\x08trailers");
    let settings = [0, 0, 0, 4, 0, 0, 0, 0, 0];
    let of_headers = [0, 0, headers.len() as u8, 1, 4, 0, 0, 0, 1];
    let empty_message = [0, 0, 5, 0, 1, 0, 0, 0, 1, 0, 0, 0, 0, 0];
    [PREFACE, &settings, &of_headers, &headers, &empty_message].concat()
}

/// Reads frames until the call is answered.
async fn answer(stream: &mut TcpStream) {
    let mut head = [0; 9];
    loop {
        stream.read_exact(&mut head).await.unwrap();
        let length = u32::from_be_bytes([0, head[0], head[1], head[2]]);
        let mut frame = vec![0; length as usize];
        stream.read_exact(&mut frame).await.unwrap();
        let [.., kind, flags, _, _, _, of_call] = head;
        // Headers at the end of the call's stream.
        if kind == 1 && flags & 1 == 1 && of_call == 1 {
            return;
        }
    }
}

#[tokio::test]
async fn connections_that_say_nothing_are_ended_with_and_without_encryption() {
    let sandbox = Sandbox::new();
    assert_eq!(sandbox.run(&["tls", "init", "keys"]).code, 0);
    let plain = Serve::start(&sandbox);
    let arguments = [
        "--tls",
        "keys",
        "--db",
        "other.db",
        "--metrics-listen",
        "127.0.0.1:0",
    ];
    let encrypted = Serve::start_with(&sandbox, "127.0.0.1:0", &arguments);
    let address = |url: &str| url.split('/').nth(2).unwrap().to_owned();
    let half_a_handshake = b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03";
    let metrics = encrypted.metrics_url.as_deref().unwrap();
    let mut silent = Vec::new();
    for (url, bytes) in [
        (&*plain.url, &b""[..]),
        (&plain.url, &PREFACE[..7]),
        (&plain.url, PREFACE),
        (&encrypted.url, b""),
        (&encrypted.url, half_a_handshake),
        (metrics, b""),
        (metrics, b"GET /metr"),
    ] {
        silent.push(saying(&address(url), bytes).await);
    }
    for stream in silent {
        ended(stream).await;
    }
}

#[tokio::test]
async fn connections_that_say_nothing_keep_no_coordinator_from_stopping() {
    let sandbox = Sandbox::new();
    let serve = Serve::start_with_metrics(&sandbox);
    let metrics = serve.metrics_url.clone().unwrap();
    let metrics = metrics.split('/').nth(2).unwrap();
    let mut answered = saying(serve.address(), &a_call()).await;
    answer(&mut answered).await;
    let silent = [
        saying(serve.address(), b"").await,
        saying(serve.address(), PREFACE).await,
        saying(metrics, b"").await,
    ];
    serve.signal(Signal::TERM);
    let ending = tokio::task::spawn_blocking(|| serve.ended());
    let ended = tokio::time::timeout(Duration::from_secs(20), ending).await;
    assert_eq!(ended.expect("it stops soon").unwrap().code, 0);
    drop((silent, answered));
}

#[tokio::test]
async fn a_flood_of_silent_connections_passes_and_fills_no_log() {
    let sandbox = Sandbox::new();
    sandbox.write("tiny.toml", TINY);
    let serve = Serve::start_with_few_files(&sandbox, 128);
    let mut silent = Vec::new();
    for _ in 0..SILENT {
        silent.push(TcpStream::connect(serve.address()).await.unwrap());
    }
    for stream in silent {
        ended(stream).await;
    }
    serve.submit(&sandbox, "tiny.toml");
    let mut peer = Peer::register(&serve.url, "w").await;
    let token = peer.acquire().await;
    peer.finish(token, 3).await.unwrap();
    serve.signal(Signal::TERM);
    let ended = tokio::task::spawn_blocking(|| serve.ended()).await.unwrap();
    assert_eq!(ended.code, 0, "{}", ended.stderr);
    let told = |what: &str| ended.stderr.matches(what).count();
    assert_eq!(told("too many connections"), 1, "{}", ended.stderr);
    assert!(told("cannot accept") <= 1, "{}", ended.stderr);
}
