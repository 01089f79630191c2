"""The one error of these tools: a message for the user and the exit status it ends with."""

COMMAND, INPUT, OUTPUT = 2, 3, 4


class Fault(Exception):
    def __init__(self, status, message):
        super().__init__(message)
        self.status = status
