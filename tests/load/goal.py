"""A goal of the bench: what was to be reached and what was."""

import msgspec


class Goal(msgspec.Struct, frozen=True):
    """A goal and what was reached; ``at_least`` False: at most."""

    name: str
    reached: float
    wanted: float
    at_least: bool = True

    @property
    def passed(self) -> bool:
        """Tell whether it is reached."""
        return self.reached >= self.wanted if self.at_least else self.reached <= self.wanted
