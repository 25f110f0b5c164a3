"""Errors that a user's input can cause. Any other exception is a bug of ours and keeps its traceback."""


class UserError(ValueError):
    """The user's input cannot be used.

    The message is one line. It names the file, the clip and the field, and says what was expected and what to do.
    """


class ConfigError(UserError):
    """Wrong config, or wrong option of a command, a model or a transform."""


class DataError(UserError):
    """Wrong annotation file, recording or label table."""


class ClipError(DataError):
    """Wrong clip of an annotation file."""


class ResultsError(UserError):
    """Wrong results or predictions of a cross-validation."""
