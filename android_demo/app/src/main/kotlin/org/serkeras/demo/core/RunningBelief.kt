package org.serkeras.demo.core

/**
 * What is believed while somebody speaks, as `ser_keras.runtime.running_belief`: b_n = b_{n-1} + (p_n - b_{n-1}) / min(n, N). At first
 * the mean of all windows (Badshah et al. 2017); from N = smoothing / hop windows on, older ones fade. Silence leaves it
 * as it is; after [smoothingSeconds] of silence it begins anew, since somebody else may speak then.
 *
 * @param hopSeconds from window to window, above 0.
 * @param smoothingSeconds time constant; 0: each window speaks for itself; infinite: nothing fades.
 */
class RunningBelief(private val hopSeconds: Double, private val smoothingSeconds: Double) {
    private val most = maxOf(1.0, smoothingSeconds / hopSeconds) // N; need not be whole
    private var heard = 0L
    private var silent = 0L
    private var belief: DoubleArray? = null

    init {
        require(hopSeconds > 0 && smoothingSeconds >= 0) { "smoothing over $smoothingSeconds s every $hopSeconds s" }
    }

    /**
     * Take a window in.
     *
     * @param probabilities of one window; null where it holds no speech.
     * @return the belief after it; null where nothing was heard, or nothing for [smoothingSeconds].
     */
    fun update(probabilities: FloatArray?): FloatArray? {
        if (probabilities == null) {
            silent++
            if (silent * hopSeconds >= smoothingSeconds) {
                heard = 0
                belief = null
            }
        } else {
            silent = 0
            heard++
            val before = belief
            val count = minOf(heard.toDouble(), most)
            belief = DoubleArray(probabilities.size) { i ->
                if (before == null) probabilities[i].toDouble() else before[i] + (probabilities[i] - before[i]) / count
            }
        }
        return belief?.let { b -> FloatArray(b.size) { b[it].toFloat() } }
    }
}
