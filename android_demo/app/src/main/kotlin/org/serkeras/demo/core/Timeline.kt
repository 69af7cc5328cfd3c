package org.serkeras.demo.core

/** A stretch of the timeline: one window's belief, drawn over the hop that it added. */
class Moment(val start: Double, val end: Double, val probabilities: FloatArray?)

/**
 * What was heard in the last [seconds], oldest first. Not thread-safe.
 *
 * @param seconds how far back.
 */
class Timeline(val seconds: Double) {
    private val held = ArrayDeque<Moment>()

    val moments: List<Moment> get() = held.toList()

    /** Add a window's belief, null where it held no speech; [hop] is the stretch that it adds. */
    fun add(end: Double, hop: Double, probabilities: FloatArray?) {
        // where windows were dropped the gap stays empty: nothing was looked at there
        val start = maxOf(end - hop, held.lastOrNull()?.end ?: 0.0)
        held.addLast(Moment(start, end, probabilities))
        while (held.first().end <= end - seconds) held.removeFirst()
    }
}
