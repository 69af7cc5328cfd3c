package org.serkeras.demo.core

import java.util.concurrent.CountDownLatch
import java.util.concurrent.Executor
import java.util.concurrent.LinkedBlockingQueue
import java.util.concurrent.TimeUnit.SECONDS
import org.junit.Assert.assertEquals
import org.junit.Assert.assertFalse
import org.junit.Assert.assertNull
import org.junit.Assert.assertTrue
import org.junit.Test

/** A microphone that gives what a test hands it. */
class HandMicrophone(private val trouble: MicrophoneTrouble? = null) : Microphone {
    val blocks = LinkedBlockingQueue<FloatArray>()
    val closed = CountDownLatch(1)

    override fun open() {
        if (trouble != null) throw MicrophoneException(trouble)
    }

    override fun read(into: FloatArray): Int {
        val block = blocks.take()
        if (block.size == 1 && block[0].isNaN()) throw MicrophoneException(MicrophoneTrouble.LOST)
        block.copyInto(into)
        return block.size
    }

    override fun interrupt() {
        blocks.put(FloatArray(0))
    }

    override fun close() = closed.countDown()
}

class LiveSessionTest {
    private val settings = ModelSettings(listOf("low", "high"), 4000, 1000, 16000, 1.0, -60.0, TailRule.DROP)
    private val block = 16000 / 25
    private val tasks = LinkedBlockingQueue<Runnable>() // a worker that works when the test says so

    private class Heard : LiveSession.Listener {
        val windows = LinkedBlockingQueue<LiveWindow>()
        val levels = LinkedBlockingQueue<Pair<Double, Boolean>>()
        val troubles = LinkedBlockingQueue<MicrophoneTrouble>()

        override fun onLevel(dbfs: Double, digitalZero: Boolean) = levels.put(dbfs to digitalZero)

        override fun onWindow(window: LiveWindow) = windows.put(window)

        override fun onTrouble(trouble: MicrophoneTrouble) = troubles.put(trouble)
    }

    private val heard = Heard()

    private fun session(microphone: Microphone, worker: Executor = Executor { tasks.put(it) }) =
        LiveSession(microphone, settings, worker, { floatArrayOf(it.last(), 1 - it.last()) to 1.5 }, heard)

    /** Put blocks in whose samples all have the block's number / 1000, and wait until they were captured. */
    private fun speak(microphone: HandMicrophone, numbers: IntRange) {
        for (n in numbers) microphone.blocks.put(FloatArray(block) { n / 1000f })
        for (n in numbers) assertTrue(heard.levels.poll(5, SECONDS) != null)
        Thread.sleep(20) // the window of the last block is handed over after its level
    }

    @Test
    fun everyWindowOfAFastPhoneIsClassified() {
        val microphone = HandMicrophone()
        val live = session(microphone, worker = { it.run() })
        live.start()
        speak(microphone, 1..25) // a second: 16000 samples
        live.stop()
        assertEquals(List(13) { it * 1000 / 16000.0 }, heard.windows.map { it.segment.start })
        assertTrue(heard.windows.all { it.dropped == 0L && it.segment.speech && it.milliseconds == 1.5 })
    }

    @Test
    fun aSlowPhoneDropsWindowsAndTakesTheNewest() {
        val microphone = HandMicrophone()
        val live = session(microphone)
        live.start()
        speak(microphone, 1..20) // the worker hasn't begun the first window
        assertEquals(1, tasks.size) // no second one waits
        tasks.take().run()
        speak(microphone, 21..25)
        tasks.take().run()
        live.stop()
        val (first, second) = heard.windows.toList()
        assertEquals(0.0, first.segment.start, 0.0)
        // captured then: 21 blocks of 640; the newest whole window on the grid ends at 13000
        assertEquals(9000 / 16000.0, second.segment.start, 0.0)
        assertEquals(8L, second.dropped)
        assertEquals(0.021f, second.segment.probabilities[0], 1e-6f) // the samples that were captured last
    }

    @Test
    fun silenceIsNoSpeechAndZerosAreTold() {
        val microphone = HandMicrophone()
        val live = session(microphone, worker = { it.run() })
        live.start()
        repeat(26) { microphone.blocks.put(FloatArray(block)) }
        val said = List(26) { heard.levels.poll(5, SECONDS)!! }
        live.stop()
        assertTrue(said.all { it.first == SILENT_DBFS })
        assertEquals(24, said.indexOfFirst { it.second }) // after a second
        assertTrue(heard.windows.none { it.segment.speech })
    }

    @Test
    fun stoppingReleasesTheMicrophoneAndNothingComesAfter() {
        val microphone = HandMicrophone()
        val live = session(microphone)
        live.start()
        speak(microphone, 1..10)
        live.stop()
        assertEquals(0L, microphone.closed.count)
        tasks.take().run() // a window that was still waiting
        assertNull(heard.windows.poll())
        assertNull(heard.troubles.poll())
    }

    @Test
    fun aTakenMicrophoneIsSaidAndClosed() {
        val microphone = HandMicrophone(MicrophoneTrouble.BUSY)
        session(microphone).start()
        assertEquals(MicrophoneTrouble.BUSY, heard.troubles.poll(5, SECONDS))
        assertTrue(microphone.closed.await(5, SECONDS))
    }

    @Test
    fun aLostMicrophoneIsSaidAndClosed() {
        val microphone = HandMicrophone()
        session(microphone).start()
        microphone.blocks.put(floatArrayOf(Float.NaN))
        assertEquals(MicrophoneTrouble.LOST, heard.troubles.poll(5, SECONDS))
        assertTrue(microphone.closed.await(5, SECONDS))
        assertFalse(heard.windows.isNotEmpty())
    }
}
