package dev.heddle.attention.kernel;

import dev.heddle.attention.pattern.KeyRanges;
import dev.heddle.core.kernel.Parallel;

import java.util.BitSet;
import java.util.stream.Stream;

/// How the backward pass cuts its work: keys into chunks, each the work of one task for each key/value head, and those into
/// blocks of tiles that stay in the second-level cache together while the tiles of queries pass by that meet them. All of
/// it depends on the sizes and the pattern only.
final class KeyChunks {
    /// Key tiles in a block.
    static final int BLOCK = 8;

    private static final int TILE = PackedTiles.TILE;

    /// Queries in a tile where each sees few keys in several places, as in [TiledForward].
    private static final int FEW_ROWS = TILE;

    /// Enough tasks to keep the threads of a workstation evenly busy; more only cost memory.
    private static final int TASKS = 16;

    /// Chunks of keys.
    final int count;

    /// Queries in a tile.
    final int tileRows;

    private final Pass pass;
    private final int tiles;
    private final int chunkTiles;
    private final int chunkBlocks;

    /// The query tiles that meet a block, at `head · blocks + block`, so that a block passes by the others.
    private final BitSet[] meeting;

    /// @param one whether keys must not be cut
    KeyChunks(Pass pass, boolean one) {
        this.pass = pass;
        tiles = PackedTiles.count(pass.keys);
        int owners = pass.shape.batch() * pass.kvHeads.length;
        int most = one ? 1 : Math.max(1, (tiles + BLOCK - 1) / BLOCK);
        int wanted = Math.min(most, (TASKS + owners - 1) / owners);
        chunkTiles = (tiles + wanted - 1) / wanted;
        count = (tiles + chunkTiles - 1) / chunkTiles;
        chunkBlocks = (chunkTiles + BLOCK - 1) / BLOCK;
        tileRows = TiledForward.rows(pass) == FEW_ROWS ? FEW_ROWS : BackwardTile.ROWS;
        meeting =
                Stream.generate(BitSet::new)
                        .limit((long) pass.shape.heads() * count * chunkBlocks)
                        .toArray(BitSet[]::new);
        Parallel.run(pass.heads.length, head -> findMeetings(pass.heads[head]));
    }

    private void findMeetings(int h) {
        for (int i0 = 0; i0 < pass.queries; i0 += tileRows) {
            KeyRanges ranges = keys(h, i0, 0, pass.keys);
            for (int r = 0; r < ranges.count(); r++) {
                int last = block(h, (ranges.stop(r) - 1) / TILE);
                for (int block = block(h, ranges.start(r) / TILE); block <= last; block++) {
                    meeting[block].set(i0 / tileRows);
                }
            }
        }
    }

    private int block(int h, int tile) {
        return (h * count + tile / chunkTiles) * chunkBlocks + tile % chunkTiles / BLOCK;
    }

    /// The first tile of a chunk.
    int start(int chunk) {
        return chunk * chunkTiles;
    }

    /// One past the last tile of a chunk.
    int stop(int chunk) {
        return Math.min((chunk + 1) * chunkTiles, tiles);
    }

    /// The query tiles of a head that meet the block that starts with a tile of keys.
    BitSet meeting(int h, int tile) {
        return meeting[block(h, tile)];
    }

    /// The keys from `start` to before `stop` that the tile of queries from `i0` on may see.
    KeyRanges keys(int h, int i0, int start, int stop) {
        int query = i0 + pass.offset;
        int end = Math.min(i0 + tileRows, pass.queries) + pass.offset;
        return pass.pattern.keys(h, query, end).intersect(KeyRanges.of(start, stop));
    }
}
