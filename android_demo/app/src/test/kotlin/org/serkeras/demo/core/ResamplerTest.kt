package org.serkeras.demo.core

import kotlin.math.PI
import kotlin.math.abs
import kotlin.math.log10
import kotlin.math.sin
import kotlin.random.Random
import org.junit.Assert.assertArrayEquals
import org.junit.Assert.assertEquals
import org.junit.Assert.assertThrows
import org.junit.Assert.assertTrue
import org.junit.Test

/** Samples in memory, in blocks of odd lengths. */
class Samples(private val values: FloatArray, override val sampleRate: Int) : SampleSource {
    private val random = Random(0)
    private var at = 0
    var closed = false
    val isEmpty get() = at == values.size

    override fun read(into: FloatArray): Int {
        val count = minOf(random.nextInt(1, 700), into.size, values.size - at)
        values.copyInto(into, 0, at, at + count)
        at += count
        return count
    }

    override fun close() {
        closed = true
    }
}

class ResamplerTest {
    private fun tone(hertz: Double, rate: Int, seconds: Double) =
        FloatArray((rate * seconds).toInt()) { (0.5 * sin(2 * PI * hertz * it / rate)).toFloat() }

    private fun resampled(values: FloatArray, from: Int, to: Int): FloatArray {
        val into = FloatArray(values.size * 4 + 1000)
        return into.copyOf(Resampler(Samples(values, from), to).readFully(into))
    }

    @Test
    fun aToneStaysTheSameTone() {
        for (rate in listOf(8000, 11025, 22050, 32000, 44100, 48000, 96000)) {
            val hertz = minOf(rate, 16000) * 0.45 * 0.95
            for (f in listOf(100.0, 1000.0, hertz)) {
                val made = resampled(tone(f, rate, 1.0), rate, 16000)
                val expected = tone(f, 16000, 1.0)
                assertEquals("$rate Hz", expected.size.toDouble(), made.size.toDouble(), 1.0)
                // its ends meet silence, which is another signal
                val worst = (500 until expected.size - 500).maxOf { abs(expected[it] - made[it]) }
                assertTrue("$f Hz from $rate Hz: off by $worst", worst < 0.005)
            }
        }
    }

    @Test
    fun whatWouldFoldBackIsGone() {
        for (hertz in listOf(8200.0, 9000.0, 12000.0, 20000.0)) {
            val made = resampled(tone(hertz, 48000, 1.0), 48000, 16000)
            val level = 20 * log10((500 until made.size - 500).maxOf { abs(made[it]) } / 0.5)
            assertTrue("$hertz Hz: $level dB", level < -78)
        }
    }

    @Test
    fun theCutOfTheBlocksDoesntMatter() {
        val random = Random(1)
        val noise = FloatArray(20000) { random.nextFloat() - 0.5f }
        val whole = resampled(noise, 44100, 16000)
        val source = Resampler(Samples(noise, 44100), 16000)
        val pieces = mutableListOf<Float>()
        while (true) {
            val into = FloatArray(random.nextInt(1, 900))
            val count = source.read(into)
            if (count == 0) break
            pieces += into.take(count)
        }
        assertArrayEquals(whole, pieces.toFloatArray(), 0f)
    }

    @Test
    fun veryShortSignalsAndEmptyOnesEnd() {
        assertEquals(0, resampled(FloatArray(0), 44100, 16000).size)
        assertEquals(0, resampled(floatArrayOf(1f), 44100, 16000).size)
        assertEquals(1, resampled(floatArrayOf(1f, 0f), 44100, 16000).size)
        assertEquals(2, resampled(floatArrayOf(1f), 8000, 16000).size)
    }

    @Test
    fun ratesWithoutARatioOfSmallNumbersAreRefused() {
        for (rate in listOf(44101, 8012)) {
            val error = assertThrows(AudioFileException::class.java) { resampled(FloatArray(100), rate, 16000) }
            assertTrue(error.message, error.message!!.contains("$rate Hz"))
        }
        resampled(FloatArray(100), 8008, 16000) // 2000 filters
    }

    @Test
    fun closesItsSource() {
        val source = Samples(FloatArray(10), 8000)
        Resampler(source, 16000).close()
        assertTrue(source.closed)
    }
}
