"""What a user's input can cause. Anything else that is raised is a bug of ours and keeps its traceback."""


class UserError(ValueError):
    """Something that the user gave cannot be used.

    The message is one line. It names the file, the clip and the field, says what was expected and what to do.
    """


class ConfigError(UserError):
    """A config, or an option of a command, a model or a transform."""


class DataError(UserError):
    """An annotation file, a recording or a label table."""


class ClipError(DataError):
    """One clip of an annotation file."""


class ResultsError(UserError):
    """Results or predictions of a cross-validation."""
