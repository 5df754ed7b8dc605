//! The live page in a real browser without a window: it opens without a complaint, takes in a change without
//! being reloaded, fits a phone, and runs nothing that a name brings along. The browser is told what to do over
//! two pipes, as its developers' tools do it: https://chromedevtools.github.io/devtools-protocol/

use std::{
    fs::{File, OpenOptions},
    io::{BufRead as _, BufReader, Write as _},
    process::{Child, Command, Stdio},
};

use serde_json::{Value, json};

use crate::{
    harness::{Sandbox, Serve, TINY, program, skip, wait_until},
    page::{hostile, ready, ui},
};

/// A browser with one page, killed when the test forgets it.
struct Browser {
    child: Child,
    calls: File,
    answers: BufReader<File>,
    last_call: u64,
    session: Option<String>,
    /// What its console complained of.
    complaints: Vec<Value>,
}

impl Browser {
    /// Starts Chromium, if it is installed.
    fn start(sandbox: &Sandbox) -> Option<Self> {
        let Some(chromium) = program("chromium") else {
            skip(
                "chromium",
                "it is not installed (Debian: apt-get install chromium)",
            );
            return None;
        };
        let [calls, answers, profile] =
            ["calls", "answers", "profile"].map(|name| sandbox.path(name));
        let made = Command::new("mkfifo").args([&calls, &answers]).status();
        assert!(made.expect("coreutils").success());
        let child = Command::new("sh")
            .args([
                "-c",
                r#"calls=$1 answers=$2; shift 2; exec "$@" 3<"$calls" 4>"$answers""#,
                "sh",
            ])
            .args([&calls, &answers, &chromium])
            .args([
                "--headless",
                "--no-sandbox",
                "--disable-gpu",
                "--remote-debugging-pipe",
            ])
            .arg(format!("--user-data-dir={}", profile.display()))
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .spawn()
            .expect("a shell");
        // In the order in which the shell opens them.
        let calls = OpenOptions::new().write(true).open(calls).expect("a pipe");
        let answers = File::open(answers).expect("a pipe");
        let mut browser = Self {
            child,
            calls,
            answers: BufReader::new(answers),
            last_call: 0,
            session: None,
            complaints: Vec::new(),
        };
        let target = browser.call("Target.createTarget", &json!({ "url": "about:blank" }));
        let attach = json!({ "targetId": target["targetId"], "flatten": true });
        let attached = browser.call("Target.attachToTarget", &attach);
        browser.session = Some(attached["sessionId"].as_str().expect("a name").to_owned());
        for domain in ["Runtime.enable", "Log.enable", "Page.enable"] {
            browser.call(domain, &json!({}));
        }
        Some(browser)
    }

    fn call(&mut self, method: &str, parameters: &Value) -> Value {
        self.last_call += 1;
        let mut call = json!({ "id": self.last_call, "method": method, "params": parameters });
        if let Some(session) = &self.session {
            call["sessionId"] = json!(session);
        }
        write!(self.calls, "{call}\0").expect("it listens");
        loop {
            let mut answer = Vec::new();
            self.answers.read_until(0, &mut answer).expect("it answers");
            assert_eq!(answer.pop(), Some(0), "{method}: the browser has ended");
            let answer: Value = serde_json::from_slice(&answer).expect("JSON");
            match answer["method"].as_str() {
                Some("Log.entryAdded" | "Runtime.exceptionThrown" | "Runtime.consoleAPICalled") => {
                    self.complaints.push(answer);
                }
                _ if answer["id"] == self.last_call => {
                    assert!(answer["error"].is_null(), "{method}: {answer}");
                    return answer["result"].clone();
                }
                _ => {}
            }
        }
    }

    fn open(&mut self, url: &str) {
        self.call("Page.navigate", &json!({ "url": url }));
        self.until("document.readyState === 'complete' && location.href !== 'about:blank'");
    }

    /// What an expression is on the page.
    fn value(&mut self, expression: &str) -> Value {
        let asked = json!({ "expression": expression, "returnByValue": true });
        self.call("Runtime.evaluate", &asked)["result"]["value"].clone()
    }

    fn until(&mut self, condition: &str) {
        wait_until(condition, || self.value(condition) == true);
    }

    fn is_content(&mut self) {
        assert_eq!(self.complaints, Vec::<Value>::new());
    }
}

impl Drop for Browser {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

#[test]
fn a_browser_opens_every_page_without_a_complaint_and_hostile_names_do_nothing() {
    let sandbox = Sandbox::new();
    let Some(mut browser) = Browser::start(&sandbox) else {
        return;
    };
    sandbox.write("hostile.toml", hostile());
    sandbox.submit("hostile.toml");
    let (_ui, url) = ui(&sandbox);
    for path in [
        "",
        "sweeps/last",
        "sweeps/last/trials",
        "trials/1",
        "workers",
    ] {
        ready(&url, &format!("/{path}"));
        browser.open(&format!("{url}{path}"));
        browser.until("document.getElementById('live').textContent === 'live'");
        assert_eq!(browser.value("document.images.length"), 0, "{path}");
        assert_eq!(
            browser.value("document.title.startsWith('stolen')"),
            false,
            "{path}"
        );
        let shown = browser.value("document.body.textContent.includes('<script>')");
        assert_eq!(
            shown,
            path != "workers",
            "{path}: the name is there, as words"
        );
        // A phone scrolls tables, not the page.
        let phone = json!({ "width": 390, "height": 844, "deviceScaleFactor": 2, "mobile": true });
        browser.call("Emulation.setDeviceMetricsOverride", &phone);
        let fits = "document.documentElement.scrollWidth <= window.innerWidth";
        assert_eq!(browser.value(fits), true, "{path}");
        browser.call("Emulation.clearDeviceMetricsOverride", &json!({}));
        browser.is_content();
    }
    // What it was made for: nothing inline runs.
    browser.value("document.body.insertAdjacentHTML('beforeend', '<p onclick=\"document.title=1\" id=inline>')");
    browser.value("document.getElementById('inline').click()");
    assert_ne!(browser.value("document.title"), "1");
    assert!(!browser.complaints.is_empty(), "the policy says so");
}

#[test]
fn a_browser_takes_in_a_change_without_being_reloaded() {
    let sandbox = Sandbox::new();
    let Some(mut browser) = Browser::start(&sandbox) else {
        return;
    };
    sandbox.write("tiny.toml", TINY);
    let serve = Serve::start_with(&sandbox, "127.0.0.1:0", &["--web", "127.0.0.1:0"]);
    let url = serve.web_url.clone().expect("it was asked for");
    serve.submit(&sandbox, "tiny.toml");
    browser.open(&url);
    browser.until("document.body.textContent.includes('0 of 8 trials have ended')");
    browser.value("window.opened = 'before'");
    let worker = ["worker", "--coordinator", &serve.url, "--exit-when-idle"];
    sandbox.run(&worker).assert_code(0);
    browser.until("document.body.textContent.includes('8 of 8 trials have ended')");
    assert_eq!(browser.value("window.opened"), "before");
    browser.is_content();
}
