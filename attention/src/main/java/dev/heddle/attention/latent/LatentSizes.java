package dev.heddle.attention.latent;

import dev.heddle.core.error.ConfigException;

/// The widths of one layer of [LatentAttention] and what they cost.
///
/// @param width D, of the model
/// @param heads H
/// @param queryRank rq, of the compressed queries; 0 if they are not compressed
/// @param latentRank rc, of the compressed keys and values
/// @param keyWidth dn, of a head's queries and keys without position
/// @param rotaryWidth dr, of a head's rotated queries and of the one rotated key that all heads share
/// @param valueWidth dv, of a head's values
public record LatentSizes(
        int width, int heads, int queryRank, int latentRank, int keyWidth, int rotaryWidth, int valueWidth) {
    /// @throws ConfigException if a width is less than 1, the query rank negative or the rotary width odd
    public LatentSizes {
        atLeast(1, "width", width);
        atLeast(1, "heads", heads);
        atLeast(0, "query rank", queryRank);
        atLeast(1, "latent rank", latentRank);
        atLeast(1, "key width", keyWidth);
        atLeast(2, "rotary width", rotaryWidth);
        atLeast(1, "value width", valueWidth);
        if (rotaryWidth % 2 != 0) {
            throw new ConfigException(
                    "rotary width: "
                            + rotaryWidth
                            + " is odd, but columns rotate in pairs; use "
                            + (rotaryWidth - 1)
                            + " or "
                            + (rotaryWidth + 1));
        }
    }

    private static void atLeast(int least, String what, int value) {
        if (value < least) {
            throw new ConfigException(what + ": " + value + " is less than " + least + "; use " + least + " or more");
        }
    }

    /// The width of a head's whole query, dq = dn + dr.
    public int queryWidth() {
        return keyWidth + rotaryWidth;
    }

    /// The numbers cached for a token, rc + dr, whatever the number of heads.
    public int cacheWidth() {
        return latentRank + rotaryWidth;
    }

    /// The rows that a head has in the up-projection of the latents, dn + dv.
    int expandedWidth() {
        return keyWidth + valueWidth;
    }

    /// Trained numbers.
    public long parameters() {
        long gains = (long) queryRank + latentRank;
        return gains + projections() + expansion();
    }

    // Of a token: queries, latents and output.
    private long projections() {
        long queries = (long) heads * queryWidth();
        long query = queryRank == 0 ? width * queries : queryRank * (width + queries);
        return query + (long) width * cacheWidth() + (long) width * heads * valueWidth;
    }

    // Keys and values of all heads from one token's latent; as many as it takes to absorb them for one query.
    private long expansion() {
        return (long) latentRank * heads * expandedWidth();
    }

    /// Multiply-adds of `queries` tokens over `keys` tokens, themselves included, of which `pairs` (all heads together)
    /// attend, when every head's keys and values are formed from the latents.
    long expanded(int queries, int keys, long pairs) {
        return queries * projections() + keys * expansion() + pairs * (queryWidth() + valueWidth);
    }

    /// The same when queries and outputs go through the up-projection instead.
    long absorbed(int queries, long pairs) {
        return queries * (projections() + expansion()) + pairs * (cacheWidth() + latentRank);
    }
}
