"""Who is scored, and the forms that their keys have."""

from typing import Literal

from leadmill.columns import Frozen, Identifier

_PATTERNS = {
    "uuid": "^[0-9a-fA-F]{8}(-[0-9a-fA-F]{4}){3}-[0-9a-fA-F]{12}$",
    "int": "^[0-9]{1,18}$",
    "string": "^[A-Za-z0-9_.@-]{1,200}$",
}
_WORDS = {
    "uuid": "a UUID such as 7927b2df-8bba-4d29-b9a2-b6e0beafe620",
    "int": "a whole number of at most 18 digits",
    "string": "1 to 200 letters, digits, '_', '.', '@' or '-'",
}


class Entity(Frozen):
    """What is scored, and how its key is written."""

    name: Identifier
    key: Identifier
    key_type: Literal["uuid", "int", "string"]

    @property
    def key_pattern(self) -> str:
        """Regular expression that every key matches, for Postgres and for RE2."""
        return _PATTERNS[self.key_type]

    @property
    def key_words(self) -> str:
        """What that pattern asks for, for people."""
        return _WORDS[self.key_type]

    @property
    def sql_type(self) -> str:
        return "bigint" if self.key_type == "int" else "text"

    def same_key(self, name: str) -> str:
        """SQL text that is equal for two spellings of one key, cut to a length that a btree index can hold."""
        spelled = {"uuid": f"lower({name})", "int": f"ltrim({name}, '0')", "string": name}
        return f"left({spelled[self.key_type]}, 200)"

    def stored_key(self, name: str) -> str:
        """SQL of a key as it is stored, of the text as given; null, or nobody's key, where that is none."""
        number = f"CASE WHEN {name} ~ '{self.key_pattern}' THEN {name}::bigint END"
        return {"uuid": f"lower({name})", "int": number, "string": name}[self.key_type]
