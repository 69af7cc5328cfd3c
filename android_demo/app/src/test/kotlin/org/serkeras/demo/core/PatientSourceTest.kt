package org.serkeras.demo.core

import org.junit.Assert.assertArrayEquals
import org.junit.Assert.assertEquals
import org.junit.Assert.assertThrows
import org.junit.Assert.assertTrue
import org.junit.Test

class PatientSourceTest {
    private val voice = FloatArray(20000) { (it % 100) / 100f }

    /** A recorder whose every [empty]th `read` gives nothing. */
    private class Hesitant(private val source: SampleSource, private val empty: Int) : SampleSource {
        override val sampleRate = source.sampleRate
        var reads = 0

        override fun read(into: FloatArray) = if (++reads % empty == 0) 0 else source.read(into)

        override fun close() = source.close()
    }

    private fun resampled(source: SampleSource): FloatArray {
        val into = FloatArray(voice.size)
        return into.copyOf(Resampler(source, 16000).readFully(into))
    }

    @Test
    fun aReadThatGivesNothingIsNoEndToTheResampler() {
        val samples = Samples(voice, 48000)
        val hesitant = Hesitant(samples, 3)
        val patient = PatientSource(hesitant, { samples.isEmpty }, pauseMilliseconds = 1)
        assertArrayEquals(resampled(Samples(voice, 48000)), resampled(patient), 0f)
        assertTrue(hesitant.reads > 30)
    }

    @Test
    fun onlyNothingIsALostMicrophoneAfterAWhile() {
        val hesitant = Hesitant(Samples(voice, 48000), 1)
        val begin = System.nanoTime()
        val error = assertThrows(MicrophoneException::class.java) {
            PatientSource(hesitant, { false }, pauseMilliseconds = 2, patience = 50).read(FloatArray(10))
        }
        assertEquals(MicrophoneTrouble.LOST, error.trouble)
        assertEquals(50, hesitant.reads)
        assertTrue("it doesn't spin", System.nanoTime() - begin >= 100_000_000)
    }

    @Test
    fun anInterruptedOneEnds() {
        val hesitant = Hesitant(Samples(voice, 48000), 1)
        assertEquals(0, PatientSource(hesitant, { hesitant.reads == 5 }, pauseMilliseconds = 1).read(FloatArray(10)))
        assertEquals(5, hesitant.reads)
    }
}
