package org.serkeras.demo.core

import kotlin.math.log10

/** What digital silence is called instead of minus infinity. */
const val SILENT_DBFS = -200.0

/** RMS level of samples in [-1, 1], in dB below a full-scale square wave. */
fun levelDbfs(samples: FloatArray, count: Int = samples.size): Double {
    var energy = 0.0
    for (i in 0 until count) energy += samples[i].toDouble() * samples[i]
    return if (energy > 0) 10 * log10(energy / count) else SILENT_DBFS
}

/** The speech gate: whether a window is loud enough to hold speech. No gate: always. */
fun isSpeech(window: FloatArray, gateDbfs: Double?): Boolean = gateDbfs == null || levelDbfs(window) >= gateDbfs
