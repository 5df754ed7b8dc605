//! The live page over real sockets: what it shows, to whom, and what hostile names do to it.

use std::{
    fs,
    io::{BufRead as _, BufReader, Read as _, Write as _},
    net::TcpStream,
    path::Path,
};

use rustix::process::Signal;

use crate::harness::{Sandbox, Serve, TINY, free_port, wait_until};

/// A page: its head and its body.
pub(crate) struct Page {
    pub(crate) head: String,
    pub(crate) body: String,
}

/// Asks for a page, with more lines in the head.
pub(crate) fn get_with(url: &str, path: &str, more: &str) -> Page {
    let address = url.trim_start_matches("http://").trim_end_matches('/');
    let mut stream = TcpStream::connect(address).expect("somebody listens");
    let host = if more.contains("Host:") {
        String::new()
    } else {
        format!("Host: {address}\r\n")
    };
    write!(
        stream,
        "GET {path} HTTP/1.1\r\n{host}{more}Connection: close\r\n\r\n"
    )
    .expect("a request is sent");
    let mut answer = String::new();
    stream.read_to_string(&mut answer).expect("UTF-8");
    let (head, body) = answer.split_once("\r\n\r\n").expect("head and body");
    Page {
        head: head.to_owned(),
        body: body.to_owned(),
    }
}

pub(crate) fn get(url: &str, path: &str) -> Page {
    get_with(url, path, "")
}

/// The page once it has all that was asked for.
pub(crate) fn ready(url: &str, path: &str) -> String {
    let mut body = String::new();
    wait_until("the page is whole", || {
        let page = get(url, path);
        assert!(
            page.head.starts_with("HTTP/1.1 200"),
            "{}{}",
            page.head,
            page.body
        );
        body = page.body;
        !body.contains("data-soon")
    });
    body
}

/// `pondersweep ui` on the sandbox's database, and where it shows it.
pub(crate) fn ui(sandbox: &Sandbox) -> (crate::harness::Running, String) {
    let url = format!("127.0.0.1:{}", free_port());
    let running = sandbox.start(&["ui", "results.db", "--listen", &url]);
    wait_until("it listens", || TcpStream::connect(&url).is_ok());
    (running, format!("http://{url}/"))
}

#[test]
fn pages_show_a_sweep_its_trials_and_its_workers_as_commands_do() {
    let sandbox = Sandbox::new();
    sandbox.write("tiny.toml", TINY);
    let serve = Serve::start_with(&sandbox, "127.0.0.1:0", &["--web", "127.0.0.1:0"]);
    let url = serve.web_url.clone().expect("it was asked for");
    assert!(ready(&url, "/").contains("There is no sweep yet"));
    serve.submit(&sandbox, "tiny.toml");
    let mut sweeps = String::new();
    wait_until("the sweep is shown", || {
        sweeps = ready(&url, "/");
        sweeps.contains("0 of 8 trials have ended")
    });
    assert!(sweeps.contains("no worker has ever connected"), "{sweeps}");

    let worker = ["worker", "--coordinator", &serve.url, "--exit-when-idle"];
    sandbox.run(&worker).assert_code(0);
    wait_until("its end is shown", || {
        ready(&url, "/").contains("8 of 8 trials have ended")
    });
    // By name as by id.
    let mut sweep = String::new();
    wait_until("its tables are of the end", || {
        sweep = ready(&url, "/sweeps/tiny");
        sweep.contains("8 trials expected: 8 accepted")
    });
    let report = sandbox.run(&["report", "--out", "report"]);
    report.assert_code(0);
    let written = fs::read_to_string(sandbox.path("report/report.html")).unwrap();
    let part = |text: &str| {
        let from = text.find("<section id=\"section-0\">").expect("sections");
        let until = text.rfind("</section>").expect("sections");
        text[from..until].to_owned()
    };
    assert_eq!(
        part(&sweep),
        part(&written),
        "the report's own tables and figures"
    );

    let filtered = ready(&url, "/sweeps/last?p.lambda_p=0.2&p.max_steps=");
    assert!(filtered.contains("4 trials"), "{filtered}");
    assert!(filtered.contains("lambda_p = 0.2"), "{filtered}");

    let trials = get(&url, "/sweeps/tiny/trials?state=succeeded").body;
    assert_eq!(trials.matches("<a href=\"/trials/").count(), 8, "{trials}");
    assert_eq!(
        get(&url, "/sweeps/tiny/trials?state=failed")
            .body
            .matches("/trials/")
            .count(),
        0
    );
    let trial = get(&url, "/trials/1").body;
    for part in [
        "Trial 1 of ",
        "pondersweep trial replay 1 --db results.db",
        "<svg",
        "learning_rate",
        "attempt 1 on ",
    ] {
        assert!(trial.contains(part), "{part}: {trial}");
    }
    let workers = ready(&url, "/workers");
    assert!(workers.contains("<td class=\"number\">8</td>"), "{workers}");
    assert_eq!(serve.stop(), 0);
}

#[test]
fn a_file_that_nobody_serves_is_shown_and_stays_as_it_is_even_an_older_one() {
    let sandbox = Sandbox::new();
    let older = Path::new(env!("CARGO_MANIFEST_DIR")).join("fixtures/databases/pilot.db");
    fs::copy(&older, sandbox.path("results.db")).unwrap();
    let (ui, url) = ui(&sandbox);
    let sweeps = ready(&url, "/");
    assert!(sweeps.contains("<a href=\"/sweeps/"), "{sweeps}");
    let sweep = ready(&url, "/sweeps/last");
    assert!(sweep.contains("accepted"), "{sweep}");
    ui.signal(Signal::TERM);
    ui.finish()
        .assert_code(0)
        .assert_told("showing results.db on http://");
    assert!(fs::read(older).unwrap() == fs::read(sandbox.path("results.db")).unwrap());
}

/// A name that is markup in every place where it may stand.
const HOSTILE: &str =
    r#"</title></h1><script>document.title='stolen'</script><img src=x onerror=alert(1)>"&'"#;

/// The tiny sweep under that name.
pub(crate) fn hostile() -> String {
    let quoted = serde_json::to_string(HOSTILE).unwrap();
    TINY.replace("\"tiny\"", &quoted)
}

#[test]
fn hostile_names_and_addresses_are_words_on_every_page() {
    let sandbox = Sandbox::new();
    sandbox.write("hostile.toml", hostile());
    sandbox.submit("hostile.toml");
    let (_ui, url) = ui(&sandbox);
    let pages = [
        "/",
        "/sweeps/last",
        "/sweeps/last/trials",
        "/trials/1",
        "/workers",
        "/sweeps/%3Cscript%3Ealert(1)%3C%2Fscript%3E",
        "/trials/%3Cscript%3E",
        "/sweeps/last?p.%3Cscript%3E=%22%3E%3Cscript%3E",
        "/sweeps/last/trials?state=%3Cscript%3E",
        "/%3Cscript%3E",
    ];
    for path in pages {
        let mut page = get(&url, path);
        wait_until("it is whole", || {
            page = get(&url, path);
            !page.body.contains("data-soon")
        });
        let scripts = page.body.matches("<script").count();
        assert_eq!(scripts, 1, "{path}: its own alone: {}", page.body);
        assert!(!page.body.contains("<img"), "{path}: {}", page.body);
        assert!(!page.body.contains("style=\""), "{path}: {}", page.body);
        for told in [
            "content-security-policy: default-src 'none'; style-src 'self'; script-src 'self'",
            "x-content-type-options: nosniff",
        ] {
            assert!(page.head.contains(told), "{path}: {}", page.head);
        }
        assert!(!page.head.contains("unsafe-inline"), "{}", page.head);
    }
    let unknown = get(&url, "/sweeps/nothing");
    assert!(unknown.head.starts_with("HTTP/1.1 404"), "{}", unknown.head);
}

#[test]
fn a_page_of_this_machine_is_not_for_names_of_others() {
    let sandbox = Sandbox::new();
    sandbox.write("tiny.toml", TINY);
    sandbox.submit("tiny.toml");
    let (_ui, url) = ui(&sandbox);
    let refused = get_with(&url, "/", "Host: example.org\r\n");
    assert!(refused.head.starts_with("HTTP/1.1 421"), "{}", refused.head);
    assert!(!refused.body.contains("tiny"), "{}", refused.body);
    let let_in = get_with(&url, "/", "Host: localhost:1\r\n");
    assert!(let_in.head.starts_with("HTTP/1.1 200"), "{}", let_in.head);
    // Nothing is changed by a page.
    let mut stream =
        TcpStream::connect(url.trim_start_matches("http://").trim_end_matches('/')).unwrap();
    write!(
        stream,
        "POST / HTTP/1.1\r\nHost: localhost\r\nContent-Length: 0\r\nConnection: close\r\n\r\n"
    )
    .unwrap();
    let mut answer = String::new();
    stream.read_to_string(&mut answer).unwrap();
    assert!(answer.starts_with("HTTP/1.1 405"), "{answer}");
}

#[test]
fn where_there_are_tokens_a_page_takes_one_as_a_password() {
    let sandbox = Sandbox::new();
    let made = |role: &str| {
        let made = sandbox.run(&["token", "new", "--role", role, "--db", "results.db"]);
        made.assert_code(0).stdout.trim().to_owned()
    };
    let (viewer, worker) = (made("viewer"), made("worker"));
    let (_ui, url) = ui(&sandbox);
    let refused = get(&url, "/");
    assert!(refused.head.starts_with("HTTP/1.1 401"), "{}", refused.head);
    assert!(
        refused.head.contains("www-authenticate: Basic"),
        "{}",
        refused.head
    );
    for (token, status) in [
        (&viewer, "200"),
        (&worker, "403"),
        (&"nonsense".to_owned(), "401"),
    ] {
        let page = get_with(&url, "/", &format!("Authorization: Bearer {token}\r\n"));
        let wanted = format!("HTTP/1.1 {status}");
        assert!(page.head.starts_with(&wanted), "{token}: {}", page.head);
    }
}

#[test]
fn off_loopback_a_page_takes_keys_or_a_word() {
    let sandbox = Sandbox::new();
    sandbox.write("tiny.toml", TINY);
    sandbox.submit("tiny.toml");
    for command in [
        &["ui", "results.db", "--listen", "0.0.0.0:0"][..],
        &["serve", "--listen", "127.0.0.1:0", "--web", "0.0.0.0:0"],
        &["run", "tiny.toml", "--web=0.0.0.0:0"],
    ] {
        let refused = sandbox.run(command);
        assert_ne!(refused.code, 0, "{command:?}");
        refused.assert_told("0.0.0.0:0 can be reached from other machines");
        refused.assert_told("hint: ");
    }
}

#[test]
fn a_change_is_pushed_to_who_watches() {
    let sandbox = Sandbox::new();
    sandbox.write("tiny.toml", TINY);
    let serve = Serve::start_with(&sandbox, "127.0.0.1:0", &["--web", "127.0.0.1:0"]);
    let url = serve.web_url.clone().expect("it was asked for");
    let address = url.trim_start_matches("http://").trim_end_matches('/');
    let mut stream = TcpStream::connect(address).unwrap();
    write!(stream, "GET /changes HTTP/1.1\r\nHost: {address}\r\n\r\n").unwrap();
    let mut lines = BufReader::new(stream).lines().map(|line| line.unwrap());
    let mut event = || lines.by_ref().find(|line| line.starts_with("data: "));
    assert_eq!(event().as_deref(), Some("data: changed"), "the first look");
    serve.submit(&sandbox, "tiny.toml");
    assert_eq!(event().as_deref(), Some("data: changed"));
    assert!(ready(&url, "/").contains("tiny"));
    // Who watches does not keep it from ending.
    assert_eq!(serve.stop(), 0);
    assert_eq!(event(), None);
}

#[test]
fn a_run_says_where_its_page_is() {
    let sandbox = Sandbox::new();
    sandbox.write("tiny.toml", TINY);
    let run = sandbox.run(&["run", "--web", "tiny.toml", "--workers", "1"]);
    run.assert_code(0).assert_told("page on http://127.0.0.1:");
}
