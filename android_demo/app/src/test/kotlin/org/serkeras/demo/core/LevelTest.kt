package org.serkeras.demo.core

import kotlin.math.PI
import kotlin.math.sin
import org.junit.Assert.assertEquals
import org.junit.Assert.assertFalse
import org.junit.Assert.assertTrue
import org.junit.Test

class LevelTest {
    @Test
    fun isInDecibelsBelowAFullScaleSquareWave() {
        assertEquals(0.0, levelDbfs(FloatArray(100) { if (it % 2 == 0) 1f else -1f }), 1e-9)
        assertEquals(-3.01, levelDbfs(FloatArray(1600) { sin(2 * PI * it / 16).toFloat() }), 0.01)
        assertEquals(-40.0, levelDbfs(FloatArray(100) { 0.01f }), 1e-4)
        assertEquals(SILENT_DBFS, levelDbfs(FloatArray(100)), 0.0)
    }

    @Test
    fun countsOnlyWhatItIsToldTo() = assertEquals(0.0, levelDbfs(floatArrayOf(1f, 1f, 0f, 0f), 2), 1e-9)

    @Test
    fun theGateLetsThroughWhatIsAsLoudAsItself() {
        val window = FloatArray(100) { 0.5f }
        val level = levelDbfs(window)
        assertTrue(isSpeech(window, level))
        assertFalse(isSpeech(window, level + 0.01))
        assertTrue(isSpeech(FloatArray(100), null))
        assertFalse(isSpeech(FloatArray(100), -60.0))
    }
}
