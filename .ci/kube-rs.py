"""The table of `.ci/kube-rs`: kube-rs.py FOLDER [other]"""
import pathlib, sys

# Without another cluster to compare with: what a test needs that `drydock serve` does not have.
RUNS = "containers that run"
NEEDS = {
    "kube_client::test::can_get_pod_logs_and_evict": RUNS,
    "kube_client::test::pod_can_exec_and_write_to_stdin": RUNS,
    "kube_client::test::pod_can_exec_and_write_to_stdin_from_node_proxy": "a kubelet on port 10250",
}


def read(path):
    return dict(line.rsplit(" ", 1) for line in path.read_text().splitlines())


folder = pathlib.Path(sys.argv[1])
ours = read(folder / "drydock.txt")
other = read(folder / "other.txt") if len(sys.argv) > 2 else {}
width = max(map(len, ours), default=0)
bad = []
print(f"{'test':{width}}  {'other':7}  drydock")
for test, status in ours.items():
    there = other.get(test, "not run")
    print(f"{test:{width}}  {there:7}  {status}{'' if status == 'ok' or test not in NEEDS else f'  (needs {NEEDS[test]})'}")
    if status != "ok" and (there == "ok" if other else test not in NEEDS):
        bad.append(test)
passed = sum(status == "ok" for status in ours.values())
print(f"{passed} of {len(ours)} pass on drydock" + (f", {sum(s == 'ok' for s in other.values())} on the other cluster" if other else ""))
if bad:
    print(f"fail only on drydock ({folder}/drydock.log says how):", *bad, sep="\n  ")
sys.exit(bool(bad) or not ours)
