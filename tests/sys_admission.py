# SPDX-License-Identifier: Apache-2.0
"""verify --output admission-patch: what a webhook of Kubernetes answers with."""
import base64
import copy
import http.client
import json
import ssl
import subprocess

import pytest

from rig_gate import Gate, ids, own_file
from rig_port import free_port
from rig_tls import Tls
from rig_tree import ROOT


@pytest.fixture(scope="module")
def gate(scratch, notary_server, registry):
    return Gate(scratch, notary_server, f"{registry.host}/admission/web")


@pytest.fixture
def client(new_client, gate):
    client = new_client()
    pins = {"root-keys": {gate.gun: [ids(client, gate.gun)[0]]}}
    client.environment["COUNTERSIGN_PINNING"] = client.write("verify.json", own_file(pins))
    return client


@pytest.fixture
def webhook(client):
    """Asks as a webhook does: webhook(review, options) gives the exit status and the response."""
    def ask(review, *options):
        done = subprocess.run(
            [client.programs.client, "verify", "--output", "admission-patch", *options, "-"],
            input=review if isinstance(review, str) else json.dumps(review), text=True,
            env=client.environment, capture_output=True, cwd=client.home, **client.user.popen())
        client.sanitizer.check(done.stderr)
        if not done.stdout:
            return done.returncode, done.stderr
        answer = json.loads(done.stdout)
        assert (answer["apiVersion"], answer["kind"]) == ("admission.k8s.io/v1", "AdmissionReview")
        assert answer["response"]["uid"] == "705ab4f5-6393-11e8-b7cc-42010a800002"
        assert answer["response"]["allowed"] == (done.returncode == 0)
        return done.returncode, answer["response"]

    return ask


def review(kind, thing, group="", operation="CREATE"):
    """A question, as the documentation of Kubernetes has it."""
    return {"apiVersion": "admission.k8s.io/v1", "kind": "AdmissionReview", "request": {
        "uid": "705ab4f5-6393-11e8-b7cc-42010a800002",
        "kind": {"group": group, "version": "v1", "kind": kind},
        "resource": {"group": group, "version": "v1", "resource": f"{kind.lower()}s"},
        "name": "web", "namespace": "shop", "operation": operation,
        "userInfo": {"username": "admin", "groups": ["system:authenticated"]},
        "object": thing, "oldObject": None, "dryRun": False}}


def pod_spec(*images, **more):
    return {"containers": [{"name": f"c{i}", "image": image} for i, image in enumerate(images)],
            "restartPolicy": "Always", "priority": 0.5, **more}


def patched(thing, response):
    """The object as Kubernetes makes it of the patch."""
    thing = copy.deepcopy(thing)
    assert response["patchType"] == "JSONPatch"
    for change in json.loads(base64.b64decode(response["patch"], validate=True)):
        assert change["op"] == "replace"
        *way, last = change["path"].removeprefix("/").split("/")
        at = thing
        for name in way:
            at = at[int(name)] if isinstance(at, list) else at[name]
        assert last in at
        at[last] = change["value"]
    return thing


def test_every_image_of_a_pod_is_named_by_its_digest(webhook, gate):
    v1, v2 = (gate.reference(tag).strip() for tag in ("v1", "v2"))
    pod = {"kind": "Pod", "spec": pod_spec(
        f"{gate.gun}:v1", f"{gate.gun}:v2", f"{gate.gun}:v1", v1,
        initContainers=[{"image": f"{gate.gun}:v2"}],
        ephemeralContainers=[{"image": f"{gate.gun}:v1"}],
        volumes=[{"name": "a", "emptyDir": {}}, {"image": {"reference": f"{gate.gun}:v2"}}])}
    status, response = webhook(review("Pod", pod))
    assert status == 0, response
    spec = patched(pod, response)["spec"]
    assert [container["image"] for container in spec["containers"]] == [v1, v2, v1, v1]
    assert spec["initContainers"][0]["image"] == v2
    assert spec["ephemeralContainers"][0]["image"] == v1
    assert spec["volumes"][1]["image"]["reference"] == v2


@pytest.mark.parametrize("group, kind, way", [
    ("apps", "Deployment", ("spec", "template", "spec")),
    ("apps", "StatefulSet", ("spec", "template", "spec")),
    ("apps", "DaemonSet", ("spec", "template", "spec")),
    ("apps", "ReplicaSet", ("spec", "template", "spec")),
    ("batch", "Job", ("spec", "template", "spec")),
    ("batch", "CronJob", ("spec", "jobTemplate", "spec", "template", "spec")),
    ("", "ReplicationController", ("spec", "template", "spec")),
    ("", "PodTemplate", ("template", "spec")),
])
def test_what_makes_pods_is_read_as_well(webhook, gate, group, kind, way):
    thing = pod_spec(f"{gate.gun}:v1")
    for name in reversed(way):
        thing = {name: thing}
    status, response = webhook(review(kind, thing, group))
    assert status == 0
    at = patched(thing, response)
    for name in way:
        at = at[name]
    assert at["containers"][0]["image"] == gate.reference("v1").strip()


def test_nothing_to_change_has_no_patch(webhook, gate):
    for question in (review("Pod", {"spec": pod_spec(gate.reference("v1").strip())}),
                     review("Pod", {"spec": {"containers": []}}),
                     review("Pod", None, operation="DELETE")):
        status, response = webhook(question)
        assert status == 0 and "patch" not in response and "status" not in response


def test_one_bad_image_keeps_all_out_and_each_reason_is_told(webhook, gate):
    pod = {"spec": pod_spec(f"{gate.gun}:v1", f"{gate.gun}:v9", f"{gate.gun}:v4", "alpine:3.20",
                            "Not/An image")}
    status, response = webhook(review("Pod", pod))
    assert status == 4 and "patch" not in response and response["status"]["code"] == 403
    for reason in (":v9' is not to be run: not signed", ":v4' is not to be run: signed by others",
                   "pins no root of it", "Not/An image"):
        assert reason in response["status"]["message"]
    many = {"spec": pod_spec(*(f"{gate.gun}:absent{i}" for i in range(20)))}
    _, response = webhook(review("Pod", many))
    assert "absent7" in response["status"]["message"]
    assert "absent8" not in response["status"]["message"]


def test_roles_can_be_required(webhook, gate):
    pod = {"spec": pod_spec(f"{gate.gun}:v1", f"{gate.gun}:v2")}
    assert webhook(review("Pod", pod), "--require", "dev")[0] == 0
    status, response = webhook(review("Pod", pod), "--require", "qa")
    assert status == 4 and "targets/qa has not signed it" in response["status"]["message"]


@pytest.mark.parametrize("kind, thing, says", [
    ("ConfigMap", {"data": {}}, "kind 'ConfigMap' of group '': no place of images is known"),
    ("Deployment", {"spec": {}}, "kind 'Deployment' of group ''"),
    ("Pod", None, "/spec: want an object"),
    ("Pod", {"spec": {"containers": {}}}, "/spec/containers: want an array"),
    ("Pod", {"spec": {"containers": [{}]}}, "/spec/containers/0/image: want the name of an image"),
    ("Pod", {"spec": {"initContainers": [{"image": 7}]}}, "/spec/initContainers/0/image: want"),
    ("Pod", {"spec": {"volumes": {"image": {"reference": "x"}}}}, "/spec/volumes: want an array"),
    ("Pod", {"spec": {"volumes": [{"image": {}}]}}, "/spec/volumes/0/image/reference: want"),
    ("Pod", {"spec": pod_spec(*["x"] * 1025)}, "more than 1024 images"),
])
def test_an_object_that_cannot_be_read_is_kept_out(webhook, kind, thing, says):
    status, response = webhook(review(kind, thing))
    assert status == 4 and says in response["status"]["message"]


def test_who_makes_pods_does_not_choose_the_root(client, webhook, gate):
    """On first use the trust server of a registry of his would say what is signed there."""
    client.environment["COUNTERSIGN_PINNING"] = client.write(
        "disabled.json", own_file({"root-keys": {"r.io/x": ["0" * 64]}}, mode="disabled"))
    pod = {"spec": pod_spec(f"{gate.gun}:v1")}
    other_dir = ("--trust-dir", client.home / "nothing-yet")
    status, response = webhook(review("Pod", pod), *other_dir)
    assert status == 4 and "first use is refused" in response["status"]["message"]
    assert not list((client.home / "nothing-yet").rglob("root.json"))
    client.run("verify", f"{gate.gun}:v1", *other_dir)
    assert webhook(review("Pod", pod), *other_dir)[0] == 0


def test_where_there_is_no_question_there_is_no_answer(webhook):
    good = review("Pod", {"spec": pod_spec()})
    for text in ("", "[]", "{}", json.dumps({**good, "apiVersion": "admission.k8s.io/v1beta1"}),
                 json.dumps({**good, "kind": "Pod"}), json.dumps({**good, "request": None}),
                 json.dumps(good).replace('"uid"', '"id"'), json.dumps(good)[:-1],
                 json.dumps({**good, "x": "x" * (8 << 20)})):
        status, said = webhook(text)
        assert status == 1 and isinstance(said, str), text[:200]


def test_the_webhook_of_the_manual_works(client, gate, scratch):
    page = (ROOT / "client" / "countersign-verify.1").read_text()
    code = page.split("A webhook for Kubernetes")[1].split(".Bd -literal -offset indent\n")[1]
    tls, port = Tls(scratch.directory("webhook")), free_port()
    code = code.split(".Ed\n")[0].replace("8443", str(port)).replace(
        "/etc/webhook/tls.crt", str(tls.certificate)).replace("/etc/webhook/tls.key", str(tls.key))
    # It says when it listens: nobody connects before.
    code = code.replace("server.serve_forever()", "print(flush=True)\nserver.serve_forever()")
    environment = {**client.environment,
                   "PATH": f"{client.programs.client.parent}:/usr/bin:/bin"}
    with subprocess.Popen(["/usr/bin/python3", "-c", code], env=environment, text=True,
                          stdout=subprocess.PIPE, stderr=subprocess.DEVNULL) as process:
        try:
            assert process.stdout.readline()
            trusted = ssl.create_default_context(cafile=tls.certificate)
            pods = [review("Pod", {"spec": pod_spec(f"{gate.gun}:{tag}")}) for tag in ("v1", "v9")]
            for body, status in ((pods[0], 200), (pods[1], 200), ({}, 500)):
                connection = http.client.HTTPSConnection(f"localhost:{port}", context=trusted)
                connection.request("POST", "/", json.dumps(body))
                answer = connection.getresponse()
                said = answer.read().decode()
                connection.close()
                assert answer.status == status, said
                if status == 200:
                    allowed = json.loads(said)["response"]["allowed"]
                    assert allowed == (body is pods[0])
        finally:
            process.kill()
