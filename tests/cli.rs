//! What people see: the screens, the exit codes, and that the same seed is the same run.

use std::path::PathBuf;

use duct::cmd;
use serde_json::Value;

struct Ran {
    code: i32,
    out: String,
    err: String,
}

/// Runs the command in a fresh folder, so that it sees only what is bundled and what the test wrote there.
struct Somewhere(PathBuf);

impl Somewhere {
    fn new(name: &str) -> Self {
        let folder = PathBuf::from(env!("CARGO_TARGET_TMPDIR")).join(name);
        let _absent = std::fs::remove_dir_all(&folder);
        std::fs::create_dir_all(&folder).expect("the target folder can be written to");
        Self(folder)
    }

    fn with(self, file: &str, text: &str) -> Self {
        std::fs::write(self.0.join(file), text).expect("the target folder can be written to");
        self
    }

    fn run<const N: usize>(&self, arguments: [&str; N]) -> Ran {
        let output = cmd(env!("CARGO_BIN_EXE_drydock"), arguments)
            .dir(&self.0)
            .stdin_null()
            .stdout_capture()
            .stderr_capture()
            .unchecked()
            .run()
            .expect("the command starts");
        Ran {
            code: output.status.code().expect("it ends by itself"),
            out: String::from_utf8(output.stdout).expect("text"),
            err: String::from_utf8(output.stderr).expect("text"),
        }
    }
}

/// Numbers that depend on the machine.
fn steady(screen: &str) -> String {
    let lines = screen.lines().map(|line| match line.split_once(" of cluster time in ") {
        Some((before, _)) => format!("{before} of cluster time in [..]"),
        None => line.to_owned(),
    });
    lines.collect::<Vec<_>>().join("\n")
}

const CLUSTER: &str = "
apiVersion: apps.kubeblocks.io/v1
kind: Cluster
metadata: { name: lonely, namespace: default }
spec:
  clusterDef: nowhere
  terminationPolicy: Delete
  colour: blue
";

#[test]
fn alone_it_prints_five_commands_to_begin_with() {
    let ran = Somewhere::new("menu").run([]);

    assert_eq!(ran.code, 0);
    assert_eq!(
        ran.out.lines().filter(|line| line.starts_with("  drydock ")).count(),
        5,
        "{}",
        ran.out
    );
}

#[test]
fn a_mistake_is_shown_where_it_stands_and_nothing_runs() {
    let here = Somewhere::new("mistake")
        .with("my.yaml", "about: x\nsteps:\n  - wiat: { object: cluster/demo }\n");

    let ran = here.run(["run", "my.yaml"]);

    assert_eq!((ran.code, ran.out.as_str()), (2, ""));
    insta::assert_snapshot!(ran.err, @r"
    error: my.yaml:3:5: unknown verb `wiat`; did you mean `wait`?
       3 |   - wiat: { object: cluster/demo }
         |     ^^^^ one of: advance, apply, delete, expect, fault, heal, patch, settle, wait
    ");
}

#[test]
fn what_only_a_world_can_judge_is_refused_as_well() {
    let here = Somewhere::new("unknown")
        .with("kind.yaml", "about: x\nsteps:\n  - wait: { object: clutser/demo, gone: true }\n")
        .with("quirk.yaml", "about: x\nsteps:\n  - wait: { object: cluster/demo, gone: true }\n")
        .with(
            "odd.yaml",
            "apiVersion: apps.kubeblocks.io/v1\nkind: Clutser\nmetadata: { name: x }\n",
        );

    for (arguments, expected) in [
        (
            ["run", "kind.yaml"].as_slice(),
            "kind.yaml:3:21: unknown kind `clutser`; did you mean `cluster`?",
        ),
        (&["run", "quirk.yaml", "--quirk", "kubeblocks-8028"], "did you mean `kubeblocks-8082`?"),
        (&["try", "odd.yaml"], "odd.yaml:2:7: unknown kind `Clutser`; did you mean `Cluster`?"),
        (&["try", "absent.yaml"], "there is no file absent.yaml"),
        (&["run", "absent/"], "there is no scenario at absent/"),
        (&["replay", "odd.yaml"], "this is no repro"),
    ] {
        let output = cmd(env!("CARGO_BIN_EXE_drydock"), arguments)
            .dir(&here.0)
            .stderr_capture()
            .stdout_capture()
            .unchecked()
            .run()
            .unwrap();
        let err = String::from_utf8(output.stderr).unwrap();
        assert_eq!(output.status.code(), Some(2), "{arguments:?}: {err}");
        assert!(err.contains(expected), "{arguments:?}: {err}");
    }
}

#[test]
fn the_failover_is_told_and_passes() {
    let ran = Somewhere::new("failover").run(["run", "scenarios/failover/redis-primary-node-lost"]);

    assert_eq!(ran.code, 0, "{}{}", ran.out, ran.err);
    for expected in [
        "  A Redis primary whose node dies is replaced within a minute, and returns as a replica.\n",
        "  Kubernetes 1.34 · 3 nodes · seed 1\n",
        "user      apply      5 definitions, 2 configmaps, cluster/demo (redis 2, redis-sentinel 3)\n",
        "claim     cluster/demo is Running",
        "claim     demo-redis-1 accepts writes",
        "claim     demo-redis-0 is a replica of demo-redis-1",
        "  passed · 30m 00s of cluster time in ",
        "same with: drydock run scenarios/failover/redis-primary-node-lost --seed 1",
    ] {
        assert!(ran.out.contains(expected), "no {expected:?} in:\n{}", ran.out);
    }
    assert!(!ran.out.contains('\u{1b}'), "colour in a pipe");
}

#[test]
fn a_stuck_deletion_says_why_and_whose_and_how_to_see_it_again() {
    let here = Somewhere::new("stuck");
    let story = "scenarios/stuck/deleting-without-pdb-api";

    let without = here.run(["run", story]);
    let with = here.run(["run", story, "--quirk", "kubeblocks-8082"]);

    assert_eq!(without.code, 0, "{}{}", without.out, without.err);
    assert_eq!(with.code, 1, "{}{}", with.out, with.err);
    for expected in [
        "✗ cluster/demo is gone: it is still being deleted",
        "  why\n    cluster/demo ",
        "└ component/demo-redis",
        "no matches for kind \"PodDisruptionBudget\" in version \"policy/v1\"",
        "  whose        the operator's: ",
        "  known as     kubeblocks-8082, affects 0.9.0",
        "  look inside  drydock serve --from target/repro/deleting-without-pdb-api.repro --at ",
        "  again        drydock replay target/repro/deleting-without-pdb-api.repro",
    ] {
        assert!(with.out.contains(expected), "no {expected:?} in:\n{}", with.out);
    }
    let again = here.run(["replay", "target/repro/deleting-without-pdb-api.repro"]);
    assert_eq!(again.code, 1, "{}", again.err);
    assert!(again.out.contains("the same course as recorded"), "{}", again.out);
}

#[test]
fn a_changed_course_is_named_by_the_first_line_that_differs() {
    let here = Somewhere::new("course");
    here.run(["run", "scenarios/stuck", "--quirk", "kubeblocks-8082"]);
    let path = here.0.join("target/repro/deleting-without-pdb-api.repro");
    let text = std::fs::read_to_string(&path).expect("a run that fails leaves a repro");
    std::fs::write(&path, text.replace("seed: 1\n", "seed: 2\n")).unwrap();

    let again = here.run(["replay", "target/repro/deleting-without-pdb-api.repro"]);

    assert_eq!(again.code, 1);
    assert!(again.out.contains("another course"), "{}", again.out);
    assert!(
        again.out.contains("    recorded  ") && again.out.contains("    now       "),
        "{}",
        again.out
    );
}

#[test]
fn the_same_seed_is_the_same_run_and_another_is_another() {
    let here = Somewhere::new("seeds");
    let story = "scenarios/startup/redis-orders-its-components";
    let hash = |seed: &str| {
        let ran = here.run(["run", story, "-o", "json", "--seed", seed]);
        let json: Value = serde_json::from_str(&ran.out).expect("one object per scenario and line");
        assert_eq!(json["verdict"], "pass", "{json}");
        json["trace_hash"].as_str().expect("a hash").to_owned()
    };

    assert_eq!(hash("7"), hash("7"));
    assert_ne!(hash("7"), hash("8"));
}

#[test]
fn all_bundled_stories_are_one_line_each_and_json_says_what_scripts_need() {
    let ran = Somewhere::new("all").run(["run", "-o", "json"]);

    assert_eq!(ran.code, 0, "{}{}", ran.out, ran.err);
    let stories: Vec<Value> =
        ran.out.lines().map(|line| serde_json::from_str(line).expect("JSON")).collect();
    assert!(stories.len() >= 4);
    for field in [
        "name",
        "verdict",
        "trace_hash",
        "seed",
        "virtual_seconds",
        "cpu_seconds",
        "events",
        "counts",
        "failures",
        "waits",
        "replay",
    ] {
        assert!(stories.iter().all(|story| !story[field].is_null()), "no {field} in {}", ran.out);
    }
}

#[test]
fn a_first_try_names_dropped_fields_and_what_is_missing() {
    let here = Somewhere::new("try").with("cluster.yaml", CLUSTER);

    let ran = here.run(["try", "cluster.yaml"]);

    assert_eq!(ran.code, 1, "{}{}", ran.out, ran.err);
    assert!(
        ran.out.contains("  ! cluster/lonely  spec.colour is not in the schema and is dropped\n      cluster.yaml, line 8\n"),
        "{}",
        ran.out
    );
    assert!(ran.out.contains("clusterdefinition/nowhere"), "{}", steady(&ran.out));
}

const NOTE: &str = "apiVersion: v1\nkind: ConfigMap\nmetadata: { name: note }\n";

const DEFINITION: &str = "
apiVersion: apps.kubeblocks.io/v1
kind: ComponentDefinition
metadata: { name: tiny-1 }
spec:
  serviceKind: tiny
  serviceVersion: 1.0.0
  runtime: { containers: [{ name: tiny, image: 'tiny:1' }] }
  services: [{ name: tiny, serviceName: tiny, roleSelector: ROLE, spec: { ports: [{ port: 1 }] } }]
  roles: [{ name: leader }]
";

#[test]
fn manifests_without_a_cluster_are_tried_too() {
    let good = DEFINITION.replace("ROLE", "leader");
    let here = Somewhere::new("alone").with("note.yaml", NOTE).with("definition.yaml", &good);

    let ran = here.run(["try", "note.yaml"]);
    assert_eq!(ran.code, 0, "{}{}", ran.out, ran.err);
    assert!(ran.out.contains("  ! no Cluster was given, and no definition:"), "{}", ran.out);
    assert!(ran.out.contains("configmap/note is there"), "{}", ran.out);

    let ran = here.run(["try", "definition.yaml", "note.yaml"]);
    assert_eq!(ran.code, 0, "{}{}", ran.out, ran.err);
    assert!(ran.out.contains("  ! no Cluster was given: the definition is checked"), "{}", ran.out);
    assert!(ran.out.contains("componentdefinition/tiny-1 is Available"), "{}", ran.out);
}

#[test]
fn a_definition_that_cannot_be_used_fails_with_why_and_leaves_a_repro() {
    let broken = DEFINITION.replace("ROLE", "nobody");
    let here = Somewhere::new("unavailable").with("definition.yaml", &broken);

    let ran = here.run(["try", "./definition.yaml"]);

    assert_eq!(ran.code, 1, "{}{}", ran.out, ran.err);
    assert!(ran.out.contains("selects role nobody, which spec.roles does not have"), "{}", ran.out);
    assert!(ran.out.contains("whose        the addon's"), "{}", ran.out);
    assert!(ran.out.contains("drydock replay target/repro/try.repro"), "{}", ran.out);
    let again = here.run(["replay", "target/repro/try.repro"]);
    assert_eq!(again.code, 1, "{}{}", again.out, again.err);
    assert!(again.out.contains("the same course as recorded"), "{}", again.out);
}

#[test]
fn redis_comes_up_with_fewer_than_a_hundred_writes_and_no_story_has_one_without_effect() {
    let scenarios = concat!(env!("CARGO_MANIFEST_DIR"), "/scenarios");
    let ran = Somewhere::new("counts").run(["bench", "counts", scenarios, "-o", "json"]);

    let counts: Value = serde_json::from_str(&ran.out).expect("JSON");
    let stories = counts.as_object().expect("an object per story");
    assert!(stories.len() >= 4, "{}", ran.out);
    for (name, story) in stories {
        assert_eq!(story["idle"], serde_json::json!({}), "{name}");
    }
    let writes = stories["startup/redis-orders-its-components"]["writes"].as_object();
    let besides_events: u64 = writes
        .expect("writes by resource")
        .iter()
        .filter(|(resource, _)| *resource != "events")
        .filter_map(|(_, count)| count.as_u64())
        .sum();
    assert!((50..100).contains(&besides_events), "{besides_events}");
}

#[test]
fn completion_scripts_are_printed() {
    let ran = Somewhere::new("completion").run(["completion", "bash"]);

    assert_eq!(ran.code, 0);
    assert!(ran.out.contains("_drydock"));
}

#[test]
fn a_dump_is_a_world_to_begin_with() {
    let here = Somewhere::new("dump");
    let definitions = ["cluster-definition", "redis", "redis-sentinel", "versions", "cluster"]
        .map(|name| format!("scenarios/definitions/redis/{name}.yaml"));
    let mut first = vec!["try", "--dump", "out"];
    first.extend(definitions.iter().map(String::as_str));
    let output = cmd(env!("CARGO_BIN_EXE_drydock"), first)
        .dir(&here.0)
        .stdout_capture()
        .unchecked()
        .run()
        .expect("the command starts");
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stdout));
    let dump = std::fs::read_to_string(here.0.join("out/00.yaml")).expect("a file per stage");
    assert!(dump.contains("name: demo-redis-1\n"), "{dump}");
    let screen = String::from_utf8_lossy(&output.stdout).into_owned();
    let row = |action: &str| {
        let line = screen.lines().find(|line| line.trim_start().starts_with(action));
        line.unwrap_or_else(|| panic!("no {action} in {screen}")).split_whitespace().collect()
    };
    let calls: Vec<&str> = row("postProvision");
    assert_eq!((calls[1], calls[2], calls[4], calls[5]), ("1", "0", "60s", "-"), "{screen}");
    let probes: Vec<&str> = row("roleProbe");
    assert!(probes[1].parse::<u32>().expect("a number") > 40, "{screen}");
    assert_eq!((probes[4], probes[5]), ("1s", "yes"), "{screen}");

    let here = here.with(
        "note.yaml",
        "apiVersion: v1\nkind: ConfigMap\nmetadata: { name: note, namespace: default }\n",
    );
    let here = here.with("cluster.yaml", CLUSTER);
    let stuck = here.run(["try", "cluster.yaml", "--from", "out/00.yaml"]);
    assert_eq!(stuck.code, 1, "{}{}", stuck.out, stuck.err);
    let replayed = here.run(["replay", "target/repro/try.repro"]);
    assert!(replayed.out.contains("the same course as recorded"), "{}", replayed.out);

    let again =
        here.run(["try", "note.yaml", "--from", "out/00.yaml", "--then-delete", "cluster/demo"]);

    assert_eq!(again.code, 0, "{}{}", again.out, again.err);
    assert!(again.out.contains("cluster/demo is gone"), "{}", again.out);
}
