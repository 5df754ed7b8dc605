//! `pondersweep tls init`: an authority of one's own, and the certificates it signs. Nothing here
//! runs a server; the authority's key is needed again only to sign more.

use std::{
    fs,
    os::unix::fs::DirBuilderExt as _,
    path::{Path, PathBuf},
    process::ExitCode,
};

use anyhow::Context as _;
use clap::{Args, Subcommand};
use pondersweep_worker::identity;
use pondersweep_worker::say;
use rcgen::{
    BasicConstraints, CertificateParams, DnType, ExtendedKeyUsagePurpose, IsCa, Issuer, KeyPair,
    KeyUsagePurpose, date_time_ymd,
};

use crate::{clock, whole_file};

/// Certificates for encrypted calls
#[derive(Debug, Subcommand)]
pub(super) enum TlsCommand {
    Init(InitArgs),
}

/// Make an authority and the certificates of a coordinator and its workers
#[derive(Debug, Args)]
pub(super) struct InitArgs {
    /// The folder for them
    #[arg(default_value = "tls")]
    folder: PathBuf,
    /// Name or IP address by which others reach the coordinator; may be given several times. This
    /// machine's name and loopback are always among them
    #[arg(long = "host", value_name = "NAME/IP")]
    hosts: Vec<String>,
    /// How long they are valid, in days
    #[arg(long, default_value_t = 365, value_parser = clap::value_parser!(u16).range(1..=3650))]
    days: u16,
    /// Replace those that are there: every copy of them is useless then
    #[arg(long)]
    force: bool,
}

/// The files of the folder, as `serve --tls` expects them.
pub(super) const AUTHORITY: &str = "ca.pem";
pub(super) const SERVER: &str = "server.pem";
pub(super) const SERVER_KEY: &str = "server-key.pem";
const AUTHORITY_KEY: &str = "ca-key.pem";
const WORKER: &str = "worker.pem";
const WORKER_KEY: &str = "worker-key.pem";

/// Who may read a file.
const OWNER_ONLY: u32 = 0o600;
const EVERYBODY: u32 = 0o644;

pub(super) fn run(command: TlsCommand) -> anyhow::Result<ExitCode> {
    let TlsCommand::Init(args) = command;
    let files = certificates(&args)?;
    write(&args, &files)?;
    say!("{}", advice(&args.folder));
    Ok(ExitCode::SUCCESS)
}

/// A file to write: its name, who may read it, and its content.
type PemFile = (&'static str, u32, String);

fn certificates(args: &InitArgs) -> anyhow::Result<[PemFile; 6]> {
    let authority_key = KeyPair::generate()?;
    let mut authority = validity(CertificateParams::default(), args.days)?;
    authority.is_ca = IsCa::Ca(BasicConstraints::Constrained(0));
    authority.key_usages = vec![KeyUsagePurpose::KeyCertSign, KeyUsagePurpose::CrlSign];
    name(&mut authority, "pondersweep authority");
    let authority_pem = authority.self_signed(&authority_key)?.pem();
    let authority_key_pem = authority_key.serialize_pem();
    let issuer = Issuer::new(authority, authority_key);

    let mut hosts = vec![
        "localhost".into(),
        "127.0.0.1".into(),
        "::1".into(),
        identity::host(),
    ];
    hosts.extend(args.hosts.iter().cloned());
    hosts.dedup();
    let bad_host = || format!("{hosts:?} are not all names or IP addresses");
    let server = CertificateParams::new(hosts.clone()).with_context(bad_host)?;
    let server = validity(server, args.days)?;
    let worker = validity(CertificateParams::default(), args.days)?;
    let server_use = ExtendedKeyUsagePurpose::ServerAuth;
    let client_use = ExtendedKeyUsagePurpose::ClientAuth;
    let (server, server_key) = signed(server, "pondersweep coordinator", server_use, &issuer)?;
    let (worker, worker_key) = signed(worker, "pondersweep worker", client_use, &issuer)?;
    Ok([
        (AUTHORITY, EVERYBODY, authority_pem),
        (AUTHORITY_KEY, OWNER_ONLY, authority_key_pem),
        (SERVER, EVERYBODY, server),
        (SERVER_KEY, OWNER_ONLY, server_key),
        (WORKER, EVERYBODY, worker),
        (WORKER_KEY, OWNER_ONLY, worker_key),
    ])
}

/// A certificate for one use, and its key.
fn signed(
    mut params: CertificateParams,
    common_name: &str,
    purpose: ExtendedKeyUsagePurpose,
    issuer: &Issuer<'_, KeyPair>,
) -> anyhow::Result<(String, String)> {
    name(&mut params, common_name);
    params.key_usages = vec![KeyUsagePurpose::DigitalSignature];
    params.extended_key_usages = vec![purpose];
    params.use_authority_key_identifier_extension = true;
    let key = KeyPair::generate()?;
    let certificate = params.signed_by(&key, issuer)?;
    Ok((certificate.pem(), key.serialize_pem()))
}

fn name(params: &mut CertificateParams, common_name: &str) {
    params.distinguished_name = rcgen::DistinguishedName::new();
    params
        .distinguished_name
        .push(DnType::CommonName, common_name);
}

/// Valid from yesterday, since clocks differ, for `days` days from now on.
fn validity(mut params: CertificateParams, days: u16) -> anyhow::Result<CertificateParams> {
    let now = jiff::Timestamp::from_millisecond(clock::now_ms())?;
    let today = jiff::tz::TimeZone::UTC.to_datetime(now).date();
    let date = |days: i64| -> anyhow::Result<_> {
        let date = today.checked_add(jiff::Span::new().days(days))?;
        let [month, day] = [date.month(), date.day()].map(i8::unsigned_abs);
        Ok(date_time_ymd(date.year().into(), month, day))
    };
    params.not_before = date(-1)?;
    params.not_after = date(i64::from(days))?;
    Ok(params)
}

fn write(args: &InitArgs, files: &[PemFile]) -> anyhow::Result<()> {
    let folder = &args.folder;
    let cannot = || format!("cannot write to {}", folder.display());
    if !args.force
        && let Some((name, ..)) = files.iter().find(|(name, ..)| folder.join(name).exists())
    {
        anyhow::bail!(
            "{} is there already\nhint: --force replaces it; every copy of the old ones is useless then",
            folder.join(name).display()
        );
    }
    fs::DirBuilder::new()
        .recursive(true)
        .mode(0o700)
        .create(folder)
        .with_context(cannot)?;
    for (name, mode, content) in files {
        let path = folder.join(name);
        whole_file::write_with(&path, *mode, content.as_bytes()).with_context(cannot)?;
    }
    Ok(())
}

fn advice(folder: &Path) -> String {
    let folder = folder.display();
    format!(
        "made an authority and certificates in {folder}
  here:               pondersweep serve --tls {folder}
  with client certificates, too:  ... --tls-client-ca {folder}/{AUTHORITY}
  on other machines:  copy {AUTHORITY}, then: pondersweep worker --tls-ca {AUTHORITY} --token-file FILE --coordinator https://HOST:7878
  if certificates of clients are asked for, copy {WORKER} and {WORKER_KEY} as well: --tls-cert {WORKER} --tls-key {WORKER_KEY}
  nowhere:            {AUTHORITY_KEY} signs more certificates; keep it to yourself, best away from every server"
    )
}
