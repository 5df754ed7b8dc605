//! Blobs in what speaks S3's protocol: moto's server, from PyPI, where it is installed.

use std::{
    io::{Read as _, Write as _},
    net::{TcpListener, TcpStream},
    process::{Child, Command, Stdio},
    time::Duration,
};

use object_store::aws::AmazonS3Builder;
use tokio::time::sleep;

use super::*;

/// How often, and how long apart, the server is asked whether it listens.
const TRIES: (u32, Duration) = (300, Duration::from_millis(100));

/// A server with one bucket, gone when dropped.
struct Server {
    process: Child,
    address: String,
}

impl Server {
    /// `None`, and why, where moto is not installed.
    async fn start() -> Option<Self> {
        let found = Command::new("python3")
            .args(["-c", "import moto.server"])
            .stderr(Stdio::null())
            .status();
        if !found.is_ok_and(|status| status.success()) {
            eprintln!("SKIPPED: moto's server is not installed (pip install 'moto[server,s3]')");
            return None;
        }
        let free = TcpListener::bind("127.0.0.1:0").unwrap();
        let address = free.local_addr().unwrap().to_string();
        let port = free.local_addr().unwrap().port().to_string();
        drop(free);
        let process = Command::new("python3")
            .args(["-m", "moto.server", "-H", "127.0.0.1", "-p", &port])
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .spawn()
            .unwrap();
        let server = Self { process, address };
        server.make_bucket().await;
        Some(server)
    }

    async fn make_bucket(&self) {
        for _ in 0..TRIES.0 {
            if let Ok(mut connection) = TcpStream::connect(&self.address) {
                let host = &self.address;
                let request = format!(
                    "PUT /bucket HTTP/1.1\r\nHost: {host}\r\nContent-Length: 0\r\n\
                     Connection: close\r\n\r\n"
                );
                connection.write_all(request.as_bytes()).unwrap();
                let mut answer = String::new();
                connection.read_to_string(&mut answer).unwrap();
                assert!(answer.contains(" 200 "), "{answer}");
                return;
            }
            sleep(TRIES.1).await;
        }
        panic!("moto's server does not listen on {}", self.address);
    }

    /// The blobs of a database in the bucket, in the run that starts at this moment.
    fn blobs(&self, database: &str, started_at_ms: i64) -> Blobs {
        let url = "s3://bucket/sweeps";
        let location = url.parse().unwrap();
        let builder = AmazonS3Builder::new()
            .with_endpoint(format!("http://{}", self.address))
            .with_allow_http(true)
            .with_region("us-east-1")
            .with_access_key_id("anybody")
            .with_secret_access_key("anything");
        let store = location::build_s3(builder, url).unwrap();
        Blobs::over(store, location, database, started_at_ms)
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        let _ = self.process.kill();
        let _ = self.process.wait();
    }
}

#[tokio::test]
async fn a_bucket_serves_as_a_folder_does() {
    let Some(server) = Server::start().await else {
        return;
    };
    let earlier = server.blobs(DATABASE, 1);
    let (kept, left) = (put(&earlier, b"kept").await, put(&earlier, b"left").await);
    assert_eq!(earlier.get(&kept).await.unwrap(), "kept");
    let foreign = server.blobs("another", 1);
    let of_other = put(&foreign, b"foreign").await;

    let now = server.blobs(DATABASE, 2);
    let fresh = put(&now, b"fresh").await;
    let (collector, garbage) = Collector::start(now.clone(), HashSet::from([kept.clone()]));
    drop(garbage);
    collector.finish().await;
    assert!(now.get(&left).await.is_err());
    assert_eq!(now.get(&kept).await.unwrap(), "kept");
    assert_eq!(now.get(&fresh).await.unwrap(), "fresh");
    assert_eq!(foreign.get(&of_other).await.unwrap(), "foreign");

    now.delete(&fresh).await.unwrap();
    now.delete(&fresh).await.unwrap();
    assert!(now.get(&fresh).await.is_err());
}

#[tokio::test]
async fn a_bucket_that_does_not_answer_is_an_error_that_names_it() {
    let free = TcpListener::bind("127.0.0.1:0").unwrap();
    let url = "s3://bucket";
    let builder = AmazonS3Builder::new()
        .with_endpoint(format!("http://{}", free.local_addr().unwrap()))
        .with_allow_http(true)
        .with_region("us-east-1")
        .with_access_key_id("anybody")
        .with_secret_access_key("anything")
        .with_retry(object_store::RetryConfig {
            max_retries: 0,
            ..Default::default()
        });
    drop(free);
    let store = location::build_s3(builder, url).unwrap();
    let blobs = Blobs::over(store, url.parse().unwrap(), DATABASE, 1);
    let refused = blobs.get("one").await.unwrap_err().to_string();
    assert!(refused.contains(url), "{refused}");
}
