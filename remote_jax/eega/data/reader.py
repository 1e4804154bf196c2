"""The sentences of an annotation file, each row checked against all that it refers to."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace

from remote_jax.data.files import inside, read_bytes, read_lines
from remote_jax.data.images import read_picture
from remote_jax.data.jsonl import MAX_LINE, parse
from remote_jax.data.media import Media
from remote_jax.data.records import Rejected
from remote_jax.data.release import MAX_JSON
from remote_jax.eega.data.formats import DataFiles
from remote_jax.eega.data.json_rows import list_items
from remote_jax.eega.data.sentences import Sentence, check_jmere, check_mnre
from remote_jax.eega.quintuples import Labels
from remote_jax.errors import Refused, UserError


class SentenceReader:
    """Iterates over a split's sentences, with `{file, line or row, reason}` of refused rows.

    Attributes:
        name: of the file.
        rows: that were read and not refused; one sentence may be many.
    """

    def __init__(self, files: DataFiles, split: str):
        self.files, self.split = files, split
        self.name = files.rows[split].relative_to(files.root).as_posix()
        self.rows = 0
        self._media = Media(files.root)

    def __iter__(self) -> Iterator[Sentence | Rejected]:
        return self._listed() if self.files.layout.listed else self._merged()

    def _listed(self) -> Iterator[Sentence | Rejected]:
        """One sentence a row."""
        path = self.files.rows[self.split]
        try:
            for number, row in enumerate(list_items(read_bytes(path, MAX_JSON)), start=1):
                try:
                    sentence = self._pictured(self._check(row), number)
                    self.rows += 1
                    yield sentence
                except Refused as error:
                    yield {"file": self.name, "row": number, "reason": str(error)}
        except Refused as error:
            raise UserError(f"{path}: {error}.") from error

    def _merged(self) -> Iterator[Sentence | Rejected]:
        """One sentence of all rows with its words; one without a relation is left out."""
        found: dict[tuple[str, ...], Sentence] = {}
        for number, line in read_lines(self.files.rows[self.split], MAX_LINE):
            try:
                row = self._check(line)
                if row.labels.quintuples:
                    first = found.get(row.tokens) or self._pictured(row, number)
                    more = first.labels.quintuples | row.labels.quintuples
                    found[row.tokens] = replace(first, labels=Labels.from_quintuples(more))
                self.rows += 1
            except Refused as error:
                yield {"file": self.name, "line": number, "reason": str(error)}
        yield from found.values()

    def _check(self, row: bytes | Refused) -> Sentence:
        if isinstance(row, Refused):
            raise row
        check = check_jmere if self.files.layout.listed else check_mnre
        sentence = check(parse(row), self.files.vocabulary)
        inside(self.files.root, sentence.image)
        return sentence

    def _pictured(self, row: Sentence, place: int) -> Sentence:
        folders = self.files.pictures[self.split]
        image = self._media.find(folders, row.image, read_picture)
        return replace(row, image=image, file=self.name, place=place)
