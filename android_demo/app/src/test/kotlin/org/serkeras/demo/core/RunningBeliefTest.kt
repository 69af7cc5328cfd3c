package org.serkeras.demo.core

import org.junit.Assert.assertArrayEquals
import org.junit.Assert.assertNull
import org.junit.Assert.assertThrows
import org.junit.Test

class RunningBeliefTest {
    private val sure = floatArrayOf(1f, 0f)
    private val other = floatArrayOf(0f, 1f)

    @Test
    fun isTheMeanUntilTheTimeConstantAndFadesThen() {
        val belief = RunningBelief(hopSeconds = 0.5, smoothingSeconds = 1.0) // N = 2
        assertArrayEquals(floatArrayOf(1f, 0f), belief.update(sure), 0f)
        assertArrayEquals(floatArrayOf(0.5f, 0.5f), belief.update(other), 1e-7f)
        assertArrayEquals(floatArrayOf(0.25f, 0.75f), belief.update(other), 1e-7f) // 1/2, no longer 1/3
    }

    @Test
    fun silenceHoldsItAndThenEndsIt() {
        val belief = RunningBelief(0.5, 1.0)
        assertNull(belief.update(null))
        belief.update(sure)
        assertArrayEquals(sure, belief.update(null), 0f)
        assertNull(belief.update(null)) // a second of silence
        assertArrayEquals(other, belief.update(other), 0f) // begins anew
    }

    @Test
    fun withoutSmoothingEachWindowSpeaksForItself() {
        val belief = RunningBelief(0.5, 0.0)
        belief.update(sure)
        assertArrayEquals(other, belief.update(other), 0f)
        assertNull(belief.update(null))
    }

    @Test
    fun smoothedOverOneHopEachWindowSpeaksForItselfAndOneOfSilenceEndsIt() {
        val belief = RunningBelief(1.0, 1.0)
        for (window in listOf(sure, other, other, sure)) assertArrayEquals(window, belief.update(window), 0f)
        assertNull(belief.update(null))
        assertArrayEquals(other, belief.update(other), 0f)
    }

    @Test
    fun refusesImpossibleTimes() {
        assertThrows(IllegalArgumentException::class.java) { RunningBelief(0.0, 1.0) }
        assertThrows(IllegalArgumentException::class.java) { RunningBelief(0.5, -1.0) }
    }
}
