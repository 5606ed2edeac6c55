use super::*;

/// Lines of `name version: requirement requirement`.
fn run<R>(lines: &[&str], use_nodes: impl FnOnce(&[Node<'_>]) -> R) -> R {
    let parsed: Vec<(&str, &str, Vec<String>)> = lines
        .iter()
        .map(|line| {
            let (head, requires) = line.split_once(':').unwrap();
            let (name, version) = head.split_once(' ').unwrap_or((head, "1.0"));
            (name, version, requires.split_whitespace().map(str::to_owned).collect())
        })
        .collect();
    let nodes: Vec<Node<'_>> =
        parsed.iter().map(|(name, version, requires)| Node { name, version, requires }).collect();
    use_nodes(&nodes)
}

fn resolved(lines: &[&str], unavailable: &[(&str, &str)]) -> Resolution {
    let unavailable =
        unavailable.iter().map(|(name, why)| ((*name).to_owned(), (*why).to_owned())).collect();
    run(lines, |nodes| resolve(nodes, &unavailable))
}

fn messages(errors: &IndexMap<String, Error>) -> Vec<&str> {
    errors.values().map(Error::message).collect()
}

#[test]
fn dependencies_come_first_and_the_given_order_is_kept_otherwise() {
    for (lines, order) in [
        (vec!["c:", "a:", "b:"], vec!["c", "a", "b"]),
        (vec!["a: b", "b: c", "c:"], vec!["c", "b", "a"]),
        (
            vec!["z:", "app: db>=1.0 cache", "cache:", "db 1.2: cache"],
            vec!["z", "cache", "db", "app"],
        ),
        (vec!["a: b b>=1", "b:"], vec!["b", "a"]),
        (vec![], vec![]),
    ] {
        let resolution = resolved(&lines, &[]);
        assert_eq!(resolution.order, order);
        assert!(resolution.broken.is_empty() && resolution.skipped.is_empty());
    }
}

#[test]
fn a_missing_one_breaks_its_dependent_and_skips_the_rest_of_the_chain() {
    let resolution = resolved(&["c: b", "b: a>=2", "aa:"], &[]);
    assert_eq!(resolution.order, ["aa"]);
    assert_eq!(messages(&resolution.broken), ["\"b\" needs \"a>=2\", which is missing"]);
    assert_eq!(resolution.broken["b"].hint(), Some("Did you mean \"aa\"?"));
    assert_eq!(resolution.broken["b"].plugin(), Some("b"));
    assert_eq!(resolution.broken["b"].kind(), ErrorKind::Dependency);
    assert_eq!(
        messages(&resolution.skipped),
        ["\"c\" needs \"b\", which needs \"a>=2\", which is missing"]
    );
}

#[test]
fn the_wrong_version_says_what_was_found() {
    let resolution = resolved(&["a: db>=2", "b: odd>=1", "c: odd", "db 1.5:", "odd x.y:"], &[]);
    assert_eq!(resolution.order, ["db", "odd", "c"]);
    assert_eq!(
        messages(&resolution.broken),
        [
            "\"a\" needs \"db>=2\", but \"db\" is 1.5",
            "\"b\" needs \"odd>=1\", but the version of \"odd\", \"x.y\", is not one that PEP 440 \
             can compare",
        ]
    );
    assert_eq!(resolution.broken["a"].hint(), Some("Install a version of \"db\" that fits"));
}

#[test]
fn every_member_of_a_circle_is_broken_and_shows_its_way_round() {
    let resolution = resolved(&["a: b", "b: c", "c: a d", "d:", "e: a", "me: me"], &[]);
    assert_eq!(resolution.order, ["d"]);
    assert_eq!(
        messages(&resolution.broken),
        [
            "\"a\" needs itself: a -> b -> c -> a",
            "\"b\" needs itself: b -> c -> a -> b",
            "\"c\" needs itself: c -> a -> b -> c",
            "\"me\" needs itself: me -> me",
        ]
    );
    assert_eq!(
        messages(&resolution.skipped),
        ["\"e\" needs \"a\", which needs itself: a -> b -> c -> a"]
    );
}

#[test]
fn what_is_known_but_will_not_start_skips_its_dependents() {
    let resolution = resolved(&["a: db>=9", "b: a"], &[("db", "is disabled")]);
    assert!(resolution.broken.is_empty());
    assert_eq!(
        messages(&resolution.skipped),
        [
            "\"a\" needs \"db\", which is disabled",
            "\"b\" needs \"a\", which needs \"db\", which is disabled",
        ]
    );
    assert_eq!(resolution.skipped["a"].hint(), Some("\"a\" starts once \"db\" can"));
}

#[test]
fn all_faults_of_a_plugin_are_told_together() {
    let resolution = resolved(&["a: x y>=1 >1", "b:"], &[]);
    let message = resolution.broken["a"].message();
    assert!(
        message.starts_with(
            "\"a\" needs \"x\", which is missing, and needs \"y>=1\", which is missing, and has a \
             requirement that is wrong: the requirement \">1\" cannot be read: "
        ),
        "{message}"
    );
}

#[test]
fn dependents_are_found_through_others_in_starting_order() {
    let lines = ["app: api", "api: db", "db:", "other:", "tool: db app"];
    assert_eq!(run(&lines, |nodes| dependents(nodes, "db")), ["api", "app", "tool"]);
    assert_eq!(run(&lines, |nodes| dependents(nodes, "tool")), Vec::<String>::new());
    assert_eq!(run(&lines, |nodes| dependents(nodes, "nothing")), Vec::<String>::new());
    assert_eq!(run(&["a: b", "b: a"], |nodes| dependents(nodes, "a")), ["b"]);
}

#[test]
fn long_chains_do_not_exhaust_the_stack() {
    let lines: Vec<String> = (0..5_000).map(|n| format!("p{n}: p{}", n + 1)).collect();
    let mut lines: Vec<&str> = lines.iter().map(String::as_str).collect();
    lines.push("p5000:");
    assert_eq!(resolved(&lines, &[]).order.first().map(String::as_str), Some("p5000"));
}
