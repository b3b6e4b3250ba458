# SPDX-License-Identifier: Apache-2.0
"""Many publish at the same time, and nothing is lost."""
from rig_readers import TEAMS

N_SIGNERS = 20


def test_twenty_sign_twenty_tags_of_one_repository(
        client, agent, new_client, repository, upload, readers):
    images = {f"v{i}": upload(f"{repository}:v{i}") for i in range(N_SIGNERS)}
    clients = [new_client(agent) for _ in images]
    running = [(one, one.start("sign", f"{repository}:{tag}"))
               for one, tag in zip(clients, images)]
    for one, popen in running:
        done = one.finish(popen, seconds=300)
        assert done.returncode == 0, done.stderr
    assert readers.read(repository) == {
        (tag, role): (image.hex, image.size) for tag, image in images.items() for role in TEAMS}


def test_the_second_to_sign_posts_second(agent, new_client, repository, upload, proxy, readers):
    """A signs, B signs, A posts, B posts: the server takes both, and B must not undo A."""
    images = {tag: upload(f"{repository}:{tag}") for tag in ("a", "b")}
    first, second = new_client(agent), new_client(agent)
    for one in (first, second):
        one.use_server(proxy.url)

    signing_a = first.start("sign", f"{repository}:a")
    proxy.wait_held(1)
    signing_b = second.start("sign", f"{repository}:b")
    proxy.wait_held(2)
    proxy.let_go(0)
    done_a = first.finish(signing_a)
    proxy.let_all_go()
    done_b = second.finish(signing_b)

    assert done_a.returncode == 0, done_a.stderr
    assert done_b.returncode == 0, done_b.stderr
    assert readers.read(repository) == {
        (tag, role): (image.hex, image.size) for tag, image in images.items() for role in TEAMS}


def test_the_second_to_sign_posts_first(agent, new_client, repository, upload, proxy, readers):
    """A signs, B signs, B posts, A posts: the server refuses A, who must try again."""
    images = {tag: upload(f"{repository}:{tag}") for tag in ("a", "b")}
    first, second = new_client(agent), new_client(agent)
    for one in (first, second):
        one.use_server(proxy.url)

    signing_a = first.start("sign", f"{repository}:a")
    proxy.wait_held(1)
    signing_b = second.start("sign", f"{repository}:b")
    proxy.wait_held(2)
    proxy.let_go(1)
    done_b = second.finish(signing_b)
    proxy.let_all_go()
    done_a = first.finish(signing_a)

    assert done_a.returncode == 0, done_a.stderr
    assert done_b.returncode == 0, done_b.stderr
    assert readers.read(repository) == {
        (tag, role): (image.hex, image.size) for tag, image in images.items() for role in TEAMS}
