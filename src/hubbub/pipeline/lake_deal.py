"""Lines go in at one end, blocks of a lake come out at the other: dealt out to whoever decodes them, and written while
the next ones are decoded."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable

from hubbub.pipeline.archive import LineChunk
from hubbub.pipeline.lake_beside import Hands
from hubbub.pipeline.lake_block import Block
from hubbub.pipeline.lake_lines import LINES_AT_ONCE, PIECES_AT_ONCE
from hubbub.pipeline.lake_taken import Taken


class Dealer:
    """Blocks under way. Which lines are decoded together follows from their place in the block alone."""

    def __init__(self, hands: Hands, *, took: Callable[[Taken], None], placed: Callable[[Block], None]) -> None:
        self._hands = hands
        self._took = took
        """Called with what came of some lines."""
        self._placed = placed
        """Called with every block that is in place."""
        self._chunks: list[LineChunk] = []
        self._lines = 0
        self._begun: Block | None = None
        self._under_way: deque[tuple[Block, bool]] = deque()
        """Blocks in the order of what is to be done with them: to wait for some of their lines, or (True) to close."""
        self._asked = 0
        self._closing: Block | None = None

    def begin(self, block: Block | None) -> None:
        """Go on with another block; None passes over the lines that follow."""
        self.end()
        self._begun = block

    def add(self, chunk: LineChunk) -> None:
        """Take lines of the block."""
        if self._begun is None:
            return
        self._chunks.append(chunk)
        self._lines += chunk.count
        if self._lines >= LINES_AT_ONCE or len(self._chunks) >= PIECES_AT_ONCE:
            self._deal(self._begun)

    def end(self) -> None:
        """The block has all its lines."""
        if self._begun is not None:
            if self._chunks:
                self._deal(self._begun)
            self._under_way.append((self._begun, True))
            self._begun = None
            self._collect(leave=self._hands.depth)

    def finish(self) -> None:
        """Return once everything is in place."""
        self.end()
        self._collect(leave=0)
        self._settle()

    def drop(self) -> None:
        """Leave nothing of what is not in place yet, except of a block that has all it needs."""
        left = {id(block): block for block, _ in self._under_way}
        if self._begun is not None:
            left[id(self._begun)] = self._begun
        self._under_way.clear()
        self._begun = None
        for block in left.values():
            block.drop()
        if self._closing is not None:
            closing, self._closing = self._closing, None
            closing.drop()

    def _deal(self, block: Block) -> None:
        chunks, self._chunks, self._lines = self._chunks, [], 0
        self._hands.ask(chunks)
        self._under_way.append((block, False))
        self._asked += 1
        self._collect(leave=self._hands.depth)

    def _collect(self, *, leave: int) -> None:
        """Take answers until no more than so many are outstanding, and close the blocks that have all of theirs."""
        while self._under_way and (self._asked > leave or self._under_way[0][1]):
            block, whole = self._under_way[0]
            if whole:
                self._settle()
                self._closing = block
                self._under_way.popleft()
                block.close()
                continue
            found = self._hands.answer()
            self._asked -= 1
            self._under_way.popleft()
            self._took(found)
            block.take(found)

    def _settle(self) -> None:
        """Wait for the block that takes its place."""
        if self._closing is not None:
            self._closing.wait()
            block, self._closing = self._closing, None
            self._placed(block)
