"""What keeps the key of a stack's secrets, as HashiCorp's Vault does for users: two calls of its transit engine.

A passphrase would do as well, but a million rounds of a digest are made of it in every command, which is nearly half of
what a command takes.
"""

import functools
import json

from serving import Serving, body_of, send

PROVIDER = "hashivault://tests"
MARK = "vault:v1:"


class Vault(Serving):
    """Hides nothing: whoever reads the stack's state in these tests may read its key."""

    def __init__(self):
        super().__init__()
        self.env = {"VAULT_SERVER_URL": self.url, "VAULT_SERVER_TOKEN": "tests"}

    def answer(self, handler):
        asked = json.loads(body_of(handler))
        if handler.path.endswith("/encrypt/tests"):
            data = {"ciphertext": MARK + asked["plaintext"]}
        else:
            data = {"plaintext": asked["ciphertext"].removeprefix(MARK)}
        send(handler, 200, [("content-type", "application/json")], json.dumps({"data": data}).encode())


@functools.cache
def running():
    """One for all stacks, until this process ends."""
    return Vault()
