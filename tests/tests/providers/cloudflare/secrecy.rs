//! The provider itself tells no secret, also where no host would mask it.

use dns01_cloudflare::Cloudflare as Provider;
use dns01_plugin_api::{Level, testing::TestHost, testing::TestRecord};
use lab::cloudflare::Fault;

use super::Scene;

#[tokio::test]
async fn no_message_log_line_or_handle_holds_the_token_even_if_cloudflare_repeats_it() {
    let scene = Scene::start().await;
    let base = scene.double.base_url();
    let host = TestHost::start();
    let instance = host
        .open::<Provider>(&[
            ("api-token", &scene.token),
            ("base-url", &base),
            ("zone", &scene.zone),
        ])
        .expect("an instance");
    let echo = Fault::Refuse {
        status: 403,
        code: 9109,
        message: format!("token {} is not allowed", scene.token),
    };
    scene.double.knobs().update(|knobs| {
        knobs.faults = vec![echo.clone(), echo.clone(), Fault::Gateway(502), echo];
        knobs.batch = false;
    });
    let working = tokio::task::spawn_blocking(move || {
        let two = [
            TestRecord::new("_acme-challenge.example.test", "a"),
            TestRecord::new("b.example.test", "b"),
        ];
        let mut outcomes = Vec::new();
        for _ in 0..3 {
            outcomes.extend(instance.present(&two));
            outcomes.extend(instance.check(&[]));
            outcomes.extend(instance.remove(&two));
        }
        outcomes
    });
    let outcomes = working.await.expect("no panic");
    assert!(
        outcomes
            .iter()
            .any(|outcome| outcome.message.contains("token .. is not allowed"))
    );
    assert!(outcomes.iter().any(|outcome| !outcome.handle.is_empty()));
    let lines = host.logged(Level::Trace);
    assert!(!lines.is_empty(), "it says that the batch endpoint is refused");
    let texts = outcomes
        .iter()
        .flat_map(|outcome| [&outcome.message, &outcome.handle]);
    for text in texts.chain(&lines) {
        assert!(!text.contains(&scene.token), "{text}");
    }
}
