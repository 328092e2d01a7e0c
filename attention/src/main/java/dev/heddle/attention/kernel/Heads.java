package dev.heddle.attention.kernel;

/// Where a tensor of heads lies in memory: element `[b, h, i, d]` is at `address + size·(b·batch + h·head + i·token + d)`.
/// The strides (in elements) cover token-major `[B, N, H, D]` and head-major `[B, H, N, D]` alike.
///
/// @param address of element 0
/// @param batch elements from one batch entry to the next
/// @param head elements from one head to the next
/// @param token elements from one token to the next
public record Heads(long address, long batch, long head, long token) {
    /// A dense `[B, N, H, D]` tensor.
    public static Heads tokenMajor(long address, int heads, int tokens, int width) {
        return new Heads(address, (long) tokens * heads * width, width, (long) heads * width);
    }

    /// A dense `[B, H, N, D]` tensor.
    public static Heads headMajor(long address, int heads, int tokens, int width) {
        return new Heads(address, (long) tokens * heads * width, (long) tokens * width, width);
    }

    /// The index of element `[b, h, i, 0]`.
    long index(int b, int h, int i) {
        return b * batch + h * head + i * token;
    }

    /// The address of element `[b, h, i, 0]` of 32-bit floats.
    long f32(int b, int h, int i) {
        return address + Float.BYTES * index(b, h, i);
    }
}
