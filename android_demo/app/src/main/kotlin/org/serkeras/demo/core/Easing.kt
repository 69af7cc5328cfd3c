package org.serkeras.demo.core

import kotlin.math.exp

/** Moves what is shown towards its target: 63 % of the way in [timeConstant] seconds, whatever the frame rate. */
fun ease(shown: Float, target: Float, elapsed: Double, timeConstant: Double): Float {
    val next = target + (shown - target) * exp(-elapsed / timeConstant).toFloat()
    return if (kotlin.math.abs(next - target) < 0.001f) target else next
}
