package org.serkeras.demo.core

/**
 * Cuts a file's samples, which come in blocks, into the windows that `ser_keras.audio.windows.cut_windows` cuts from the whole.
 *
 * @param window samples of a window.
 * @param hop samples from window to window.
 */
class FileWindows(private val window: Int, private val hop: Int, private val tail: TailRule) {
    private val held = FloatArray(window)
    private var filled = 0
    private var toSkip = 0 // a hop longer than the window steps over samples
    private var start = 0L
    private var total = 0L

    /** Add [count] samples; [use] gets each window that is complete now: its first sample, its length, its samples. */
    fun add(block: FloatArray, count: Int, use: (Long, Int, FloatArray) -> Unit) {
        var from = 0
        total += count
        while (from < count) {
            val skipped = minOf(toSkip, count - from)
            toSkip -= skipped
            from += skipped
            val taken = minOf(window - filled, count - from)
            block.copyInto(held, filled, from, from + taken)
            filled += taken
            from += taken
            if (filled == window) {
                use(start, window, held)
                advance()
            }
        }
    }

    /** The stream has ended: [use] gets the last window, zeros at its end, where the tail rule asks for one. */
    fun finish(use: (Long, Int, FloatArray) -> Unit) {
        val uncovered = start > 0 && start - hop + window < total
        if (total in 1 until window || tail == TailRule.PAD && uncovered && start < total) {
            held.fill(0f, filled)
            use(start, filled, held)
        }
    }

    private fun advance() {
        val kept = maxOf(0, window - hop)
        held.copyInto(held, 0, window - kept, window)
        filled = kept
        toSkip = maxOf(0, hop - window)
        start += hop
    }
}

/**
 * Which window of a live stream to look at: always the newest on the grid of hops. Those that passed while the last
 * one was computed are dropped, never queued.
 */
class LiveWindows(private val window: Int, private val hop: Int) {
    private var last = -1L

    /** Windows that were passed over so far. */
    var dropped = 0L
        private set

    /** The newest window's first sample, where [total] samples complete one that wasn't given before; else null. */
    fun next(total: Long): Long? {
        val newest = if (total < window) -1 else (total - window) / hop
        if (newest <= last) return null
        dropped += newest - last - 1
        last = newest
        return newest * hop
    }
}
