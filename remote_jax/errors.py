"""Errors made by the person who runs the program."""


class UserError(Exception):
    """A mistake of the user, told in one sentence: where, what was found, what was expected.

    `remote_jax.main` prints the sentence and exits with code 2; anything else that is raised is a
    bug and keeps its stack trace.
    """
