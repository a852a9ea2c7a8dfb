"""user scheduling: which invitations an account takes, and who answers them."""

import json

from tests.service.cli.conftest import Run

ANN = "ann@example.test"


def test_it_is_shown_and_set(cli: Run) -> None:
    cli("domain", "add", "example.test")
    cli("user", "add", ANN, "--password-stdin", stdin=b"a long enough secret\n")
    before = json.loads(cli("user", "scheduling", ANN, "--json").out)
    assert before == {"address": ANN, "invitations": "default", "auto_reply": "off"}
    changed = cli("user", "scheduling", ANN, "--invitations", "known", "--auto-reply", "automatic", "--json")
    assert json.loads(changed.out) == {"address": ANN, "invitations": "known", "auto_reply": "automatic"}
    back = json.loads(cli("user", "scheduling", ANN, "--invitations", "default", "--json").out)
    assert (back["invitations"], back["auto_reply"]) == ("default", "automatic")
    refused = cli("user", "scheduling", ANN, "--auto-reply", "maybe")
    assert refused.code == 64
    assert "automatic" in refused.err
    assert cli("user", "scheduling", "nobody@example.test").code == 67
