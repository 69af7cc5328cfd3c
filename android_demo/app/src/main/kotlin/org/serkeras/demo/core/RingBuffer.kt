package org.serkeras.demo.core

/**
 * The newest samples of an endless stream. Written by one thread, read by another.
 *
 * @param capacity samples kept.
 */
class RingBuffer(private val capacity: Int) {
    private val held = FloatArray(capacity)

    /** Samples written so far, those overwritten since included. */
    @get:Synchronized
    var total = 0L
        private set

    init {
        require(capacity > 0) { "a ring buffer of $capacity samples" }
    }

    @Synchronized
    fun write(samples: FloatArray, count: Int = samples.size) {
        for (i in 0 until count) held[((total + i) % capacity).toInt()] = samples[i]
        total += count
    }

    /**
     * Copy the samples from [start] on, counted from the stream's first.
     *
     * @return false where some are overwritten or not there yet; [into] is then untouched.
     */
    @Synchronized
    fun copy(start: Long, into: FloatArray): Boolean {
        if (start < maxOf(0L, total - capacity) || start + into.size > total) return false
        val first = (start % capacity).toInt()
        val untilEnd = minOf(into.size, capacity - first)
        held.copyInto(into, 0, first, first + untilEnd)
        held.copyInto(into, untilEnd, 0, into.size - untilEnd)
        return true
    }
}
