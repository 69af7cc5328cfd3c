package org.serkeras.demo.core

import org.junit.Assert.assertArrayEquals
import org.junit.Assert.assertEquals
import org.junit.Assert.assertFalse
import org.junit.Assert.assertTrue
import org.junit.Test

class RingBufferTest {
    private fun counted(from: Int, count: Int) = FloatArray(count) { (from + it).toFloat() }

    @Test
    fun givesAnyStretchThatItStillHolds() {
        val ring = RingBuffer(100)
        var total = 0
        for (length in listOf(7, 64, 1, 100, 33, 250, 12)) { // also more at a time than it can hold
            ring.write(counted(total, length))
            total += length
            assertEquals(total.toLong(), ring.total)
            val oldest = maxOf(0, total - 100)
            for (start in listOf(oldest, (oldest + total) / 2, total - 1)) {
                val into = FloatArray(total - start)
                assertTrue(ring.copy(start.toLong(), into))
                assertArrayEquals(counted(start, into.size), into, 0f)
            }
        }
    }

    @Test
    fun refusesWhatIsOverwrittenOrNotThereYet() {
        val ring = RingBuffer(10)
        ring.write(counted(0, 25))
        val into = FloatArray(5) { -1f }
        assertFalse(ring.copy(14, into))
        assertFalse(ring.copy(21, into))
        assertFalse(ring.copy(-1, into))
        assertArrayEquals(FloatArray(5) { -1f }, into, 0f)
        assertTrue(ring.copy(15, into))
        assertTrue(ring.copy(20, into))
    }

    @Test
    fun writesOnlyAsManyAsItIsTold() {
        val ring = RingBuffer(10)
        ring.write(counted(0, 8), 3)
        assertEquals(3L, ring.total)
    }
}
