package org.serkeras.demo.core

import kotlin.math.PI
import kotlin.math.abs
import kotlin.math.ceil
import kotlin.math.sin
import kotlin.math.sqrt

/**
 * A source at another rate: Kaiser-windowed sinc interpolation, one filter a phase of the rates' ratio. Passes 0 to 91 %
 * of the lower band edge within 0.1 dB, and keeps what would fold back over 100 dB down; about 1 dB from soxr's HQ between.
 *
 * @param source what is resampled; closed with this.
 * @param sampleRate Hz.
 * @throws AudioFileException the rates have no ratio of small numbers.
 */
class Resampler(private val source: SampleSource, override val sampleRate: Int) : SampleSource {
    private val up: Int // output samples of one period of the ratio
    private val down: Int // input samples of it
    private val half: Int // input samples to either side of an output sample
    private val phases: Array<FloatArray>

    // `held` begins at input sample `first`, zeros before the signal's start and after its end
    private var held: FloatArray
    private var heldCount: Int
    private var first: Long
    private var read = 0L
    private var ended = false
    private var made = 0L
    private val block = FloatArray(BLOCK)

    init {
        val divisor = gcd(source.sampleRate, sampleRate)
        up = sampleRate / divisor
        if (up > MOST_PHASES) throw AudioFileException("has an unusual rate of ${source.sampleRate} Hz: resample it first")
        down = source.sampleRate / divisor
        val cutoff = minOf(1.0, up.toDouble() / down) * BAND
        half = ceil(ZERO_CROSSINGS / cutoff).toInt()
        phases = Array(up) { phase -> filter(phase.toDouble() / up, cutoff) }
        held = FloatArray(BLOCK + 4 * half)
        heldCount = half
        first = -half.toLong()
    }

    override fun read(into: FloatArray): Int {
        var count = 0
        while (count < into.size) {
            val position = made * down
            val centre = position / up
            while (!ended && centre + half >= first + heldCount) fetch()
            if (ended && made >= (read * up + down / 2) / down) break // as many as soxr makes: one more is heard
            into[count++] = value(centre, (position % up).toInt())
            made++
        }
        return count
    }

    override fun close() = source.close()

    private fun value(centre: Long, phase: Int): Float {
        val taps = phases[phase]
        val start = (centre - half + 1 - first).toInt()
        var sum = 0f
        for (i in taps.indices) sum += taps[i] * held[start + i]
        return sum.coerceIn(-1f, 1f)
    }

    private fun fetch() {
        val needed = made * down / up - half
        val spent = (needed - first).toInt().coerceIn(0, heldCount)
        held.copyInto(held, 0, spent, heldCount)
        heldCount -= spent
        first += spent
        val count = source.read(block)
        read += count
        val added = if (count > 0) count else 2 * half // after the end: zeros
        if (held.size < heldCount + added) held = held.copyOf(heldCount + added)
        if (count > 0) block.copyInto(held, heldCount, 0, count) else held.fill(0f, heldCount, heldCount + added)
        heldCount += added
        ended = count == 0
    }

    /** Taps for an output sample that lies [offset] of an input sample after the centre. */
    private fun filter(offset: Double, cutoff: Double): FloatArray {
        val taps = DoubleArray(2 * half) { i ->
            val t = i - half + 1 - offset
            val x = t / half
            if (abs(x) >= 1) 0.0 else cutoff * sinc(cutoff * t) * bessel(KAISER_BETA * sqrt(1 - x * x)) / bessel(KAISER_BETA)
        }
        val sum = taps.sum()
        return FloatArray(taps.size) { (taps[it] / sum).toFloat() } // unit gain at 0 Hz in every phase
    }

    private companion object {
        const val BLOCK = 4096
        const val MOST_PHASES = 2000 // 640 for 11025 Hz; a filter each, which odder rates would need megabytes for

        // Fitted to the response of soxr's HQ, with which Python resamples: a model hears the edge of the band.
        const val BAND = 0.9569
        const val ZERO_CROSSINGS = 94.5
        const val KAISER_BETA = 13.2

        fun gcd(a: Int, b: Int): Int = if (b == 0) a else gcd(b, a % b)

        fun sinc(x: Double) = if (abs(x) < 1e-12) 1.0 else sin(PI * x) / (PI * x)

        /** Modified Bessel function of the first kind, order 0. */
        fun bessel(x: Double): Double {
            var term = 1.0
            var sum = 1.0
            var k = 1
            while (term > 1e-12 * sum) {
                term *= (x / (2 * k)) * (x / (2 * k))
                sum += term
                k++
            }
            return sum
        }
    }
}
