package org.serkeras.demo.core

import kotlin.random.Random
import org.junit.Assert.assertArrayEquals
import org.junit.Assert.assertEquals
import org.junit.Assert.assertNull
import org.junit.Test

class WindowsTest {
    private class Cut(val start: Long, val length: Int, val samples: FloatArray)

    private fun cut(signal: FloatArray, window: Int, hop: Int, tail: TailRule, random: Random): List<Cut> {
        val found = mutableListOf<Cut>()
        val take = { start: Long, length: Int, samples: FloatArray -> found += Cut(start, length, samples.copyOf()) }
        val windows = FileWindows(window, hop, tail)
        var at = 0
        while (at < signal.size) {
            val count = minOf(random.nextInt(1, 60), signal.size - at)
            windows.add(signal.copyOfRange(at, at + count), count, take)
            at += count
        }
        windows.finish(take)
        return found
    }

    /** `ser_keras.audio.windows.window_starts`, word by word. */
    private fun starts(n: Int, window: Int, hop: Int, tail: TailRule): List<Long> {
        val excess = maxOf(0, n - window)
        val count = 1 + if (tail == TailRule.PAD) (excess + hop - 1) / hop else excess / hop
        return List(count) { (it * hop).toLong() }.filter { it < n }
    }

    @Test
    fun cutsAFileAsPythonDoesHoweverTheBlocksFall() {
        val random = Random(0)
        repeat(500) {
            val window = random.nextInt(1, 40)
            val hop = random.nextInt(1, 60) // also longer than the window
            val signal = FloatArray(random.nextInt(1, 200)) { i -> i + 1f }
            for (tail in TailRule.entries) {
                val found = cut(signal, window, hop, tail, random)
                val what = "${signal.size} samples, window $window, hop $hop, $tail"
                assertEquals(what, starts(signal.size, window, hop, tail), found.map { c -> c.start })
                for (c in found) {
                    val expected = FloatArray(window) { i -> signal.getOrElse(c.start.toInt() + i) { 0f } }
                    assertArrayEquals(what, expected, c.samples, 0f)
                    assertEquals(what, minOf(window, signal.size - c.start.toInt()), c.length)
                }
            }
        }
    }

    @Test
    fun nothingComesOfNothing() = assertEquals(0, cut(FloatArray(0), 10, 5, TailRule.PAD, Random(0)).size)

    @Test
    fun liveWindowsAreTheNewestOnTheGridAndOthersAreDropped() {
        val windows = LiveWindows(window = 100, hop = 25)
        assertNull(windows.next(99))
        assertEquals(0L, windows.next(100))
        assertNull(windows.next(124))
        assertEquals(25L, windows.next(130))
        assertEquals(0L, windows.dropped)
        assertEquals(125L, windows.next(240)) // 50, 75 and 100 passed meanwhile
        assertEquals(3L, windows.dropped)
        assertNull(windows.next(240))
    }
}
