"""What else than routing is done about hacks: rewards that are changed before the groups are centred, one file a remedy."""

from vgrout.remedies.base import Group, LabelledRemedy, Remedy, Shaped

__all__ = ["Group", "LabelledRemedy", "Remedy", "Shaped"]
