use std::{
    fs,
    os::unix::{
        fs::{MetadataExt, PermissionsExt},
        net::UnixListener as StdListener,
        process::CommandExt,
    },
    path::{Path, PathBuf},
    process::Command,
    sync::{
        Arc,
        atomic::{AtomicUsize, Ordering},
    },
    time::Duration,
};

use futures_util::{
    FutureExt, StreamExt,
    future::{BoxFuture, ready},
    stream::{self, BoxStream},
};
use jiff::Timestamp;
use parking_lot::Mutex;
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::{UnixListener, UnixStream},
    sync::mpsc,
    task::JoinHandle,
};
use tokio_util::sync::CancellationToken;

use super::{
    protocol::{
        AccountInfo, CaInfo, Explanation, FaultCode, NamePrepared, OnlineLine, OnlineWish, Outcome, PROTOCOL,
        Plan, Prepared, Reloaded, Revocable, RevokeWish, SecretText, Status, Step,
    },
    *,
};
use crate::{
    challenge::Task,
    engine::AccountTask,
    revocation::RevocationReason,
    secret::Secret,
    types::{CaName, CertificateName, DnsName, FaultClass, InstanceName},
};

/// A daemon that knows one certificate, `internal`, whose steps the test sends.
#[derive(Default)]
struct Daemon {
    steps: Mutex<Option<mpsc::Receiver<Step>>>,
    renewals: AtomicUsize,
}

impl Handle for Daemon {
    fn status(&self) -> BoxFuture<'_, Status> {
        ready(status()).boxed()
    }

    fn renew(
        &self,
        certificate: CertificateName,
    ) -> BoxFuture<'_, Result<BoxStream<'static, Step>, RenewError>> {
        let answer = match certificate.as_str() {
            "internal" => {
                self.renewals.fetch_add(1, Ordering::Relaxed);
                Ok(match self.steps.lock().take() {
                    Some(steps) => stream::unfold(steps, |mut steps| async {
                        let step = steps.recv().await?;
                        Some((step, steps))
                    })
                    .boxed(),
                    None => stream::pending().boxed(),
                })
            }
            "exhausted" => Err(RenewError::Refused("five a week are allowed".into())),
            _ => Err(RenewError::UnknownCertificate(certificate)),
        };
        ready(answer).boxed()
    }

    fn prepare(
        &self,
        task: Task,
        instance: InstanceName,
        names: Vec<DnsName>,
    ) -> BoxFuture<'_, Result<Prepared, PrepareError>> {
        let answer = match instance.as_str() {
            "bind" => Ok(Prepared {
                outcomes: names.into_iter().map(|name| prepared(name, task)).collect(),
                instance,
            }),
            "broken" => Err(PrepareError::Failed(
                "provider `broken`: the plugin process crashed".into(),
            )),
            _ => Err(PrepareError::UnknownInstance(instance)),
        };
        ready(answer).boxed()
    }

    fn why(&self, certificate: CertificateName) -> BoxFuture<'_, Result<Explanation, AskError>> {
        let answer = match certificate.as_str() {
            "internal" => Ok(Explanation {
                certificate,
                sentences: vec!["it is so".into()],
                decided_at: Timestamp::UNIX_EPOCH,
                next: None,
            }),
            _ => Err(AskError::UnknownCertificate(certificate)),
        };
        ready(answer).boxed()
    }

    fn plan(&self, until: Option<Timestamp>) -> BoxFuture<'_, Result<Plan, AskError>> {
        let plan = Plan {
            until,
            planned: vec![],
            left_out: 0,
        };
        ready(Ok(plan)).boxed()
    }

    fn cas(&self, ca: Option<CaName>) -> BoxFuture<'_, Result<Vec<CaInfo>, AskError>> {
        let answer = match ca {
            None => Ok(vec![]),
            Some(name) => Err(AskError::UnknownCa {
                name,
                known: vec![lab()],
            }),
        };
        ready(answer).boxed()
    }

    fn account(&self, ca: Option<CaName>, task: AccountTask) -> BoxFuture<'_, Result<AccountInfo, AskError>> {
        let answer = match (ca, task) {
            (None, _) => Err(AskError::WhichCa(vec![lab(), "other".parse().expect("a name")])),
            (_, AccountTask::Rollover) => Err(AskError::Ca("CA `lab`: it is not to be".into())),
            (Some(ca), task) => Ok(AccountInfo {
                ca,
                url: "https://ca.example/acct/1".parse().expect("an address"),
                status: match &task {
                    // the test that a key arrives, and not what a daemon would say
                    AccountTask::Import(key) => key.expose().to_owned(),
                    task => format!("{task:?}"),
                },
                key_algorithm: None,
                thumbprint: String::new(),
                key_age_days: None,
                rollover_at: None,
                contacts: vec![],
                terms: None,
            }),
        };
        ready(answer).boxed()
    }

    fn revoke(&self, wish: RevokeWish) -> BoxFuture<'_, Result<BoxStream<'static, Step>, AskError>> {
        let answer = match &wish.certificate {
            Revocable::Named(name) if name == "internal" => {
                // what arrived, as a test reads it
                let key = wish.key.as_ref().map_or("none", |SecretText(key)| key.expose());
                let text = format!("{} {} {key}", wish.reason, wish.replace);
                let done = Outcome::Failed {
                    text,
                    next_attempt_at: None,
                };
                Ok(stream::iter([step("revoke", None), step("revoke", Some(done))]).boxed())
            }
            _ => Err(AskError::Refused("no such certificate".into())),
        };
        ready(answer).boxed()
    }

    fn look(&self, _: OnlineWish) -> BoxFuture<'_, Result<BoxStream<'static, OnlineLine>, AskError>> {
        ready(Err(AskError::UnknownName("nobody".into()))).boxed()
    }

    fn reload(&self) -> BoxFuture<'_, Result<Reloaded, ReloadError>> {
        ready(Err(ReloadError::Configuration(
            "a.yaml:3: no\na.yaml:9: no".into(),
        )))
        .boxed()
    }
}

fn lab() -> CaName {
    "lab".parse().expect("a name")
}

fn prepared(name: DnsName, task: Task) -> NamePrepared {
    NamePrepared {
        challenge_name: Some(name.child("_acme-challenge").expect("a name")),
        record: Some(name.child("_acme-challenge").expect("a name")),
        zone: Some(name.clone()),
        name: Some(name),
        failure: (task == Task::Setup).then_some(FaultClass::Operator),
        text: format!("{} it is", task.as_str()),
    }
}

fn status() -> Status {
    Status {
        version: "0.1.0".into(),
        state_directory: "/var/lib/dns01d".into(),
        started_at: Timestamp::UNIX_EPOCH,
        config_loaded_at: Timestamp::UNIX_EPOCH,
        config_error: None,
        certificates: vec![],
        providers: vec![],
        leftovers: vec![],
        canaries: vec![],
    }
}

fn step(name: &str, done: Option<Outcome>) -> Step {
    Step {
        at: Timestamp::UNIX_EPOCH,
        certificate: internal(),
        step: name.into(),
        text: "a sentence".into(),
        done,
    }
}

fn internal() -> CertificateName {
    "internal".parse().expect("a name")
}

struct Running {
    home: tempfile::TempDir,
    daemon: Arc<Daemon>,
    stop: CancellationToken,
    task: JoinHandle<()>,
}

impl Running {
    fn start() -> Self {
        Self::with(None, |_| false)
    }

    fn with(group: Option<&str>, refuse: impl Fn(&Peer) -> bool + Send + Sync + 'static) -> Self {
        let home = tempfile::tempdir().expect("a directory");
        // so that other users reach the socket, and its own mode decides
        fs::set_permissions(home.path(), fs::Permissions::from_mode(0o755)).expect("set");
        let server = Server::bind(&options(home.path(), group)).expect("a socket");
        Self::serve(home, server, refuse)
    }

    fn serve(
        home: tempfile::TempDir,
        server: Server,
        refuse: impl Fn(&Peer) -> bool + Send + Sync + 'static,
    ) -> Self {
        let (daemon, stop) = (Arc::new(Daemon::default()), CancellationToken::new());
        let task = tokio::spawn(server.serve(Arc::clone(&daemon) as _, Arc::new(refuse), stop.clone()));
        Running {
            home,
            daemon,
            stop,
            task,
        }
    }

    fn socket(&self) -> PathBuf {
        socket(self.home.path())
    }

    fn client(&self) -> Client {
        Client::new(self.socket())
    }

    fn steps(&self) -> mpsc::Sender<Step> {
        let (sender, receiver) = mpsc::channel(8);
        *self.daemon.steps.lock() = Some(receiver);
        sender
    }

    /// The status line that user and group `id` get, or the errno that keeps them from connecting.
    async fn asked_as(&self, uid: u32, gid: u32) -> String {
        const SCRIPT: &str = r#"
import socket, sys
s = socket.socket(socket.AF_UNIX)
try:
    s.connect(sys.argv[1])
except OSError as e:
    print(e.__class__.__name__); sys.exit()
s.sendall(b"GET /v1/version HTTP/1.1\r\nHost: x\r\n\r\n")
print(s.makefile().readline().strip())
"#;
        let mut command = Command::new("python3");
        command
            .args(["-c", SCRIPT])
            .arg(self.socket())
            .uid(uid)
            .gid(gid)
            .current_dir("/");
        let output = tokio::task::spawn_blocking(move || command.output())
            .await
            .expect("ran")
            .expect("this test becomes other users: run it as root, with python3 installed");
        String::from_utf8(output.stdout).expect("text").trim().to_owned()
    }
}

fn socket(home: &Path) -> PathBuf {
    home.join("run/control.socket")
}

fn options(home: &Path, group: Option<&str>) -> Options {
    Options {
        socket: socket(home),
        group: group.map(str::to_owned),
    }
}

fn fault(error: ClientError) -> (FaultCode, String) {
    match error {
        ClientError::Fault(fault) => (fault.code, fault.text),
        other => panic!("{other}"),
    }
}

#[tokio::test]
async fn what_the_daemon_says_arrives_unchanged() {
    let running = Running::start();
    assert_eq!(running.client().status().await.expect("a status"), status());
    assert_eq!(
        running.client().version().await.expect("a version").protocol,
        PROTOCOL
    );
}

#[tokio::test]
async fn steps_are_shown_as_they_happen_and_end_with_the_last() {
    let running = Running::start();
    let sender = running.steps();
    let mut steps = Box::pin(
        running
            .client()
            .renew_and_wait(&internal())
            .await
            .expect("started"),
    );
    for name in ["ordered", "presented"] {
        sender.send(step(name, None)).await.expect("sent");
        // arrives although the renewal has not ended
        assert_eq!(steps.next().await.expect("one").expect("a step").step, name);
    }
    let done = Outcome::Succeeded {
        serial: "0A".into(),
        not_after: Timestamp::UNIX_EPOCH,
        took: Duration::from_millis(1500),
    };
    sender
        .send(step("deployed", Some(done.clone())))
        .await
        .expect("sent");
    assert_eq!(steps.next().await.expect("one").expect("a step").done, Some(done));
    assert!(steps.next().await.is_none());
}

#[tokio::test]
async fn a_renewal_without_waiting_is_accepted_at_once() {
    let running = Running::start();
    assert_eq!(
        running
            .client()
            .renew(&internal())
            .await
            .expect("accepted")
            .certificate,
        internal()
    );
    assert_eq!(running.daemon.renewals.load(Ordering::Relaxed), 1);
}

#[tokio::test]
async fn questions_reach_the_daemon_with_all_that_they_say() {
    let running = Running::start();
    let client = running.client();
    let explanation = client.why(&internal()).await.expect("an explanation");
    assert_eq!(explanation.sentences, ["it is so"]);
    let until: Timestamp = "2027-01-31T12:00:00.5Z".parse().expect("a time");
    assert_eq!(client.plan(Some(until)).await.expect("a plan").until, Some(until));
    assert_eq!(client.plan(None).await.expect("a plan").until, None);
    assert_eq!(client.cas(None).await.expect("a list"), []);
    for (task, seen) in [
        (AccountTask::Show, "Show"),
        (AccountTask::Update, "Update"),
        (AccountTask::Register, "Register"),
        (AccountTask::Deactivate, "Deactivate"),
        (
            AccountTask::Import(Secret::new("a key & more\n".into())),
            "a key & more\n",
        ),
    ] {
        let account = client.account(Some(&lab()), &task).await.expect("an account");
        assert_eq!((account.ca, account.status.as_str()), (lab(), seen));
    }
}

#[tokio::test]
async fn a_revocation_arrives_with_its_key_and_its_steps_come_back() {
    let running = Running::start();
    let client = running.client();
    let wish = |certificate: Revocable| RevokeWish {
        certificate,
        reason: RevocationReason::Superseded,
        replace: false,
        key: Some(SecretText(Secret::new("a \"key\"\n".into()))),
    };
    let ours = wish(Revocable::Named("internal".into()));
    assert!(!format!("{ours:?}").contains("key\\"), "{ours:?}");
    let steps: Vec<_> = client.revoke(&ours).await.expect("steps").collect().await;
    let done = match steps.as_slice() {
        [Ok(_), Ok(last)] => last.done.clone(),
        steps => panic!("{steps:?}"),
    };
    assert_eq!(
        done,
        Some(Outcome::Failed {
            text: "superseded false a \"key\"\n".into(),
            next_attempt_at: None
        })
    );
    let other = wish(Revocable::Pem("-----BEGIN".into()));
    match client.revoke(&other).await.map(drop) {
        Err(ClientError::Fault(fault)) => assert_eq!(fault.code, FaultCode::Refused),
        other => panic!("{other:?}"),
    }
}

#[tokio::test]
async fn questions_without_an_answer_say_why() {
    let running = Running::start();
    let client = running.client();
    let fault = |error: ClientError| match error {
        ClientError::Fault(fault) => (fault.code, fault.text),
        error => panic!("{error}"),
    };
    let unknown = "nobody".parse().expect("a name");
    let (code, text) = fault(client.why(&unknown).await.expect_err("a fault"));
    assert_eq!(code, FaultCode::UnknownCertificate);
    assert!(text.contains("`nobody`"), "{text}");
    let (code, text) = fault(
        client
            .cas(Some(&"le".parse().expect("a name")))
            .await
            .expect_err("a fault"),
    );
    assert_eq!(code, FaultCode::UnknownCa);
    assert_eq!(text, "there is no CA `le`; there are `lab`");
    let (code, text) = fault(
        client
            .account(None, &AccountTask::Show)
            .await
            .expect_err("a fault"),
    );
    assert_eq!(code, FaultCode::UnknownCa);
    assert_eq!(text, "there are several CAs; name one of `lab`, `other`");
    let (code, text) = fault(
        client
            .account(Some(&lab()), &AccountTask::Rollover)
            .await
            .expect_err("a fault"),
    );
    assert_eq!(
        (code, text.as_str()),
        (FaultCode::Ca, "CA `lab`: it is not to be")
    );
    let long = AccountTask::Import(Secret::new("x".repeat(1 << 20)));
    let (code, _) = fault(client.account(Some(&lab()), &long).await.expect_err("a fault"));
    assert_eq!(code, FaultCode::Malformed);
}

#[tokio::test]
async fn refusals_say_why() {
    let running = Running::start();
    let client = running.client();
    let renew = async |name: &str| {
        fault(
            client
                .renew(&name.parse().expect("a name"))
                .await
                .expect_err("refused"),
        )
    };
    let (code, text) = renew("nosuch").await;
    assert_eq!(code, FaultCode::UnknownCertificate);
    assert_eq!(
        text,
        "there is no certificate `nosuch`: `dns01d status` lists them"
    );
    assert_eq!(
        renew("exhausted").await,
        (FaultCode::Refused, "not now: five a week are allowed".into())
    );
    let (code, text) = fault(client.reload().await.expect_err("refused"));
    assert_eq!(code, FaultCode::Configuration);
    assert!(text.ends_with("\na.yaml:3: no\na.yaml:9: no"), "{text}");
    assert_eq!(running.daemon.renewals.load(Ordering::Relaxed), 0);
}

#[tokio::test]
async fn names_reach_the_provider_that_was_meant_and_its_words_come_back() {
    let running = Running::start();
    let client = running.client();
    let instance = |name: &str| -> InstanceName { name.parse().expect("a name") };
    let names = || -> Vec<DnsName> {
        ["a.test", "b.test"]
            .map(|name| name.parse().expect("a name"))
            .into()
    };
    for task in [Task::Check, Task::Setup] {
        let answer = client
            .prepare(task, &instance("bind"), names())
            .await
            .expect("an answer");
        assert_eq!(answer.instance, instance("bind"));
        let expected: Vec<_> = names().into_iter().map(|name| prepared(name, task)).collect();
        assert_eq!(answer.outcomes, expected);
    }
    let refused = async |name: &str| {
        let answer = client.prepare(Task::Setup, &instance(name), names()).await;
        fault(answer.expect_err("refused"))
    };
    assert_eq!(refused("nosuch").await.0, FaultCode::UnknownProvider);
    let (code, text) = refused("broken").await;
    assert_eq!(code, FaultCode::Provider);
    assert!(text.contains("crashed"), "{text}");
    let body = "{\"names\": [\"not a name\"]}";
    let request = format!(
        "POST /v1/providers/bind/setup HTTP/1.1\r\nHost: x\r\nContent-Length: {}\r\n\r\n{body}",
        body.len()
    );
    let answer = raw(&running.socket(), &request).await;
    assert!(
        answer.starts_with("HTTP/1.1 400 ") && answer.contains("malformed"),
        "{answer}"
    );
}

#[tokio::test]
async fn an_unknown_address_or_method_is_a_fault_and_not_an_empty_answer() {
    let running = Running::start();
    for request in [
        "GET /v1/nonsense",
        "DELETE /v1/status",
        "POST /v1/renew/..%2f..%2fetc",
    ] {
        let answer = raw(
            &running.socket(),
            &format!("{request} HTTP/1.1\r\nHost: x\r\n\r\n"),
        )
        .await;
        assert!(answer.starts_with("HTTP/1.1 404 "), "{request}: {answer}");
        assert!(answer.contains(r#"{"code":""#), "{request}: {answer}");
    }
}

async fn raw(socket: &Path, request: &str) -> String {
    let mut stream = UnixStream::connect(socket).await.expect("connected");
    stream.write_all(request.as_bytes()).await.expect("sent");
    let mut answer = String::new();
    stream.read_to_string(&mut answer).await.expect("an answer");
    answer
}

#[tokio::test]
async fn the_socket_is_for_its_owner_alone_unless_a_group_is_named() {
    let running = Running::start();
    let mode = |running: &Running| fs::metadata(running.socket()).expect("a socket").mode() & 0o7777;
    assert_eq!(mode(&running), 0o600);
    assert_eq!(running.asked_as(65534, 4242).await, "PermissionError");

    let running = Running::with(Some("4242"), |_| false);
    assert_eq!(mode(&running), 0o660);
    assert_eq!(fs::metadata(running.socket()).expect("a socket").gid(), 4242);
    assert_eq!(running.asked_as(65534, 65534).await, "PermissionError");
    assert_eq!(running.asked_as(65534, 4242).await, "HTTP/1.1 200 OK");
}

#[tokio::test]
async fn a_socket_opened_to_all_by_mistake_still_asks_who_comes() {
    let running = Running::with(Some("4242"), |_| false);
    fs::set_permissions(running.socket(), fs::Permissions::from_mode(0o666)).expect("set");
    assert_eq!(running.asked_as(65534, 65534).await, "HTTP/1.1 403 Forbidden");
    assert_eq!(running.asked_as(65534, 4242).await, "HTTP/1.1 200 OK");
}

#[tokio::test]
async fn a_plugin_is_refused_although_it_is_the_daemons_user() {
    let plugin = i32::try_from(std::process::id()).expect("a number");
    let running = Running::with(None, move |peer| peer.pid == Some(plugin));
    let (code, text) = fault(running.client().status().await.expect_err("refused"));
    assert_eq!(
        (code, text.as_str()),
        (
            FaultCode::Forbidden,
            "a plugin may not control the daemon that runs it"
        )
    );
    assert_eq!(running.asked_as(0, 0).await, "HTTP/1.1 200 OK");
}

#[tokio::test]
async fn a_stale_socket_is_replaced_and_a_living_one_is_not() {
    let home = tempfile::tempdir().expect("a directory");
    let options = options(home.path(), None);
    fs::create_dir(home.path().join("run")).expect("made");
    drop(StdListener::bind(&options.socket).expect("bound"));
    assert!(options.socket.exists(), "left by a killed daemon");

    let running = Running::serve(home, Server::bind(&options).expect("a socket"), |_| false);
    let second = Server::bind(&options);
    assert!(matches!(second, Err(SocketError::InUse(_))), "{second:?}");
    running
        .client()
        .status()
        .await
        .expect("the first one still answers");
}

#[tokio::test]
async fn what_is_no_socket_is_left_alone() {
    let home = tempfile::tempdir().expect("a directory");
    let options = options(home.path(), None);
    fs::create_dir(home.path().join("run")).expect("made");
    fs::write(&options.socket, "precious").expect("written");
    let refused = Server::bind(&options);
    assert!(matches!(refused, Err(SocketError::NotASocket(_))), "{refused:?}");
    assert_eq!(fs::read(&options.socket).expect("a file"), b"precious");
}

#[tokio::test]
async fn a_name_that_does_not_fit_or_a_group_that_is_not_there_is_said() {
    let home = tempfile::tempdir().expect("a directory");
    let long = Options {
        socket: home.path().join("x".repeat(120)),
        group: None,
    };
    assert!(matches!(Server::bind(&long), Err(SocketError::TooLong(_))));
    let group = Server::bind(&options(home.path(), Some("no-such-group")));
    assert!(matches!(group, Err(SocketError::UnknownGroup(name)) if name == "no-such-group"));
}

#[tokio::test]
async fn a_stop_removes_the_socket_and_ends_who_looks_on() {
    let running = Running::start();
    let sender = running.steps();
    let mut steps = Box::pin(
        running
            .client()
            .renew_and_wait(&internal())
            .await
            .expect("started"),
    );
    sender.send(step("ordered", None)).await.expect("sent");
    steps.next().await.expect("one").expect("a step");

    running.stop.cancel();
    drop(sender);
    assert!(matches!(steps.next().await, Some(Err(ClientError::Unfinished))));
    running.task.await.expect("ended");
    assert!(!socket(running.home.path()).exists());
}

#[tokio::test]
async fn a_stop_does_not_wait_for_a_stream_without_end() {
    let running = Running::start();
    let mut steps = Box::pin(
        running
            .client()
            .renew_and_wait(&internal())
            .await
            .expect("started"),
    );
    running.stop.cancel();
    tokio::time::timeout(Duration::from_secs(7), running.task)
        .await
        .expect("in time")
        .expect("ended");
    assert!(matches!(steps.next().await, Some(Err(ClientError::Unfinished))));
}

#[tokio::test]
async fn a_successors_socket_is_not_removed() {
    let running = Running::start();
    fs::remove_file(running.socket()).expect("removed");
    let successor = Running::serve(
        tempfile::tempdir().expect("a directory"),
        Server::bind(&options(running.home.path(), None)).expect("a socket"),
        |_| false,
    );
    running.stop.cancel();
    running.task.await.expect("ended");
    Client::new(socket(running.home.path()))
        .status()
        .await
        .expect("the successor answers");
    drop(successor);
}

// time is paused: it jumps on whenever everybody waits
#[tokio::test(start_paused = true)]
async fn silent_clients_cannot_keep_others_out() {
    let running = Running::start();
    let mut silent = Vec::new();
    for _ in 0..100 {
        silent.push(UnixStream::connect(running.socket()).await.expect("connected"));
    }
    running.client().status().await.expect("after their time is over");
    let mut buffer = [0; 1];
    assert_eq!(silent[0].read(&mut buffer).await.expect("closed"), 0);
}

#[tokio::test]
async fn a_request_without_end_is_cut_off() {
    let running = Running::start();
    let mut stream = UnixStream::connect(running.socket()).await.expect("connected");
    let flood = format!("GET / HTTP/1.1\r\nx: {}", "y".repeat(1 << 20));
    let _ = stream.write_all(flood.as_bytes()).await;
    let mut answer = Vec::new();
    let _ = stream.read_to_end(&mut answer).await;
    assert!(
        answer.starts_with(b"HTTP/1.1 431 "),
        "{}",
        String::from_utf8_lossy(&answer)
    );
}

#[tokio::test]
async fn a_client_without_a_daemon_says_what_to_look_at() {
    let home = tempfile::tempdir().expect("a directory");
    let client = Client::new(home.path().join("control.socket"));
    let error = client.status().await.expect_err("nobody is there");
    assert!(matches!(error, ClientError::Missing(_)), "{error}");
    assert!(error.to_string().contains("is dns01d running"), "{error}");

    drop(StdListener::bind(home.path().join("control.socket")).expect("bound"));
    let error = client.status().await.expect_err("nobody listens");
    assert!(matches!(error, ClientError::Dead(_)), "{error}");

    let running = Running::with(Some("0"), |_| false);
    let error = running
        .client()
        .not_connected(std::io::ErrorKind::PermissionDenied.into());
    assert!(
        error
            .to_string()
            .ends_with("you must be root or in the group `root`"),
        "{error}"
    );
    let running = Running::start();
    let error = running
        .client()
        .not_connected(std::io::ErrorKind::PermissionDenied.into());
    assert!(
        error
            .to_string()
            .contains("you must be root or the daemon's user"),
        "{error}"
    );
}

#[tokio::test]
async fn a_daemon_of_another_protocol_is_told_from_no_daemon_at_all() {
    let home = tempfile::tempdir().expect("a directory");
    let listener = UnixListener::bind(home.path().join("control.socket")).expect("bound");
    let client = Client::new(home.path().join("control.socket"));
    let answer = async |header: &str| {
        let (mut stream, _) = listener.accept().await.expect("a client");
        let mut request = [0; 1024];
        assert_ne!(stream.read(&mut request).await.expect("a request"), 0);
        let answer = format!("HTTP/1.1 200 OK\r\ncontent-length: 2\r\n{header}\r\n{{}}");
        stream.write_all(answer.as_bytes()).await.expect("sent");
    };
    let (error, ()) = tokio::join!(client.status(), answer("dns01d-protocol: 2\r\n"));
    assert!(
        matches!(error, Err(ClientError::Protocol { theirs: 2 })),
        "{error:?}"
    );
    let (error, ()) = tokio::join!(client.status(), answer(""));
    assert!(matches!(error, Err(ClientError::Foreign(_))), "{error:?}");
    let (error, ()) = tokio::join!(client.status(), answer("dns01d-protocol: 1\r\n"));
    assert!(matches!(error, Err(ClientError::Unreadable(_))), "{error:?}");
}

/// Set for [`activated_daemon`] only.
const ACTIVATED: &str = "CONTROL_TEST_ACTIVATED";

/// The process that a socket unit started: this binary again.
#[tokio::test]
async fn activated_daemon() {
    let Some(home) = std::env::var_os(ACTIVATED).map(PathBuf::from) else {
        assert!(
            activated().expect("no error").is_none(),
            "nothing was handed over to the tests"
        );
        return;
    };
    let listener = activated().expect("a socket").expect("one");
    let server = Server::activated(listener, &options(&home, None)).expect("usable");
    let stop = CancellationToken::new();
    let handle: Arc<dyn Handle> = Arc::new(Daemon::default());
    server.serve(handle, Arc::new(|_| false), stop).await;
}

#[tokio::test]
async fn a_socket_of_systemd_is_taken_over_and_left_in_place() {
    // what systemd does for a socket unit
    const SYSTEMD: &str = r#"
import os, socket, sys
s = socket.socket(socket.AF_UNIX)
s.bind(sys.argv[1]); s.listen()
os.dup2(s.fileno(), 3); os.set_inheritable(3, True)
os.environ.update(LISTEN_FDS="1", LISTEN_PID=str(os.getpid()))
os.execv(sys.argv[2], sys.argv[2:])
"#;
    let home = tempfile::tempdir().expect("a directory");
    fs::create_dir(home.path().join("run")).expect("made");
    let mut child = Command::new("python3")
        .args(["-c", SYSTEMD])
        .arg(socket(home.path()))
        .arg(std::env::current_exe().expect("this binary"))
        .args(["--exact", "control::tests::activated_daemon"])
        .env(ACTIVATED, home.path())
        .stdout(std::process::Stdio::null())
        .spawn()
        .expect("python3 is needed for this test");
    let client = Client::new(socket(home.path()));
    let answered = tokio::time::timeout(Duration::from_secs(20), async {
        while client.status().await.is_err() {
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
    });
    let answered = answered.await;
    child.kill().expect("killed");
    child.wait().expect("ended");
    answered.expect("the daemon answers on the socket of systemd");
    assert!(socket(home.path()).exists());
}
