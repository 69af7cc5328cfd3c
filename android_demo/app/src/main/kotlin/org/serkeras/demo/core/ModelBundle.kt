package org.serkeras.demo.core

import java.security.MessageDigest
import org.json.JSONException
import org.json.JSONObject

/** What is wrong with a bundle, in one line. */
class BundleException(message: String) : Exception(message)

/** What happens to a remainder of a file that no whole window covers. */
enum class TailRule { DROP, PAD }

/**
 * How audio is cut for a model; read from `bundle.json`, as every runtime does.
 *
 * @property classes names in the order of outputs.
 * @property windowSamples samples of one window.
 * @property hopSamples samples from window to window.
 * @property sampleRate Hz.
 * @property smoothingSeconds time constant of the running belief.
 * @property speechGateDbfs RMS level under which a window counts as silence; null: no gate.
 */
data class ModelSettings(
    val classes: List<String>,
    val windowSamples: Int,
    val hopSamples: Int,
    val sampleRate: Int,
    val smoothingSeconds: Double,
    val speechGateDbfs: Double?,
    val tailRule: TailRule,
)

/**
 * How often a model is right on people of whom it had heard nothing.
 *
 * @property ofTen in how many of ten cases.
 * @property classes of how many emotions.
 * @property chosenOn whether its settings were chosen on these people: then it looks better than it is.
 */
data class Reach(val ofTen: Int, val classes: Int, val chosenOn: Boolean)

/**
 * What the bundle says about how often its model is right, and about its training, for the note on the screen; the
 * same as `ser_keras.runtime.reach`.
 *
 * @property live of people who speak in a room, each emotion counting alike; null: not measured.
 * @property files of recordings like those that it learned from; null: not measured.
 */
data class ModelFacts(
    val live: Reach?,
    val files: Reach?,
    val corpora: List<String>,
    val speakers: Int,
)

/** A clip of exactly one window and what every runtime must give for it. */
class Reference(val samples: FloatArray, val probabilities: FloatArray, val tolerance: Double)

/**
 * The exported bundle: its settings and its checked files.
 *
 * @param read gives the bytes of one of the bundle's files; throws IOException where there is none.
 * @throws BundleException bundle.json lacks something, or has a newer schema.
 */
class ModelBundle(private val read: (String) -> ByteArray) {
    private val info: JSONObject = parse(String(file("bundle.json"), Charsets.UTF_8))

    val modelFile: String
    val settings: ModelSettings
    val facts: ModelFacts

    init {
        try {
            val version = info.getInt("schema_version")
            if (version > SCHEMA_VERSION) {
                throw BundleException("bundle.json has schema version $version, this app reads $SCHEMA_VERSION: update it")
            }
            modelFile = info.getString("default")
            settings = settings(info)
            facts = facts(info)
        } catch (e: JSONException) {
            throw BundleException("bundle.json is damaged: ${e.message}")
        }
    }

    /** Bytes of the default model; they match their checksum. */
    fun model(): ByteArray = checked(modelFile)

    /** The model card, Markdown. */
    fun card(): String = String(checked("model_card.md"), Charsets.UTF_8)

    /** The weights' licence and whom they credit, Markdown; empty: the bundle names neither. */
    fun terms(): String {
        val named = TERMS.filter { info.optJSONObject("files")?.has(it) ?: false }
        return named.joinToString("\n\n") { String(checked(it), Charsets.UTF_8) }
    }

    /** The reference clip and the default model's probabilities for it. */
    fun reference(): Reference {
        val wav = WavReader(checked("reference.wav").inputStream())
        val samples = FloatArray(settings.windowSamples)
        val count = wav.readFully(samples)
        if (wav.sampleRate != settings.sampleRate || count != samples.size) {
            throw BundleException("reference.wav is not one window of ${settings.windowSamples} samples")
        }
        val entry = parse(String(checked("reference.json"), Charsets.UTF_8))
        try {
            val named = entry.getJSONObject("probabilities").getJSONObject(modelFile)
            val values = FloatArray(settings.classes.size) { named.getDouble(settings.classes[it]).toFloat() }
            return Reference(samples, values, entry.getDouble("tolerance"))
        } catch (e: JSONException) {
            throw BundleException("reference.json is damaged: ${e.message}")
        }
    }

    private fun checked(name: String): ByteArray {
        val content = file(name)
        val listed = info.optJSONObject("files")?.optJSONObject(name)?.optString("sha256")
        if (listed != sha256(content)) {
            throw BundleException("$name is damaged: it doesn't match its checksum in bundle.json")
        }
        return content
    }

    private fun file(name: String): ByteArray = try {
        read(name)
    } catch (e: java.io.IOException) {
        throw BundleException("the bundle lacks $name")
    }

    private fun parse(text: String): JSONObject = try {
        JSONObject(text)
    } catch (e: JSONException) {
        throw BundleException("the bundle's JSON is damaged: ${e.message}")
    }

    private fun settings(info: JSONObject): ModelSettings {
        val names = info.getJSONArray("classes")
        val rate = info.getInt("sample_rate")
        if (rate != SAMPLE_RATE) throw BundleException("sample_rate is $rate, only $SAMPLE_RATE is supported")
        val tail = TailRule.entries.find { it.name.equals(info.getString("tail_rule"), ignoreCase = true) }
        return ModelSettings(
            classes = List(names.length()) { names.getString(it) },
            windowSamples = info.getInt("window_samples"),
            hopSamples = info.getInt("hop_samples"),
            sampleRate = rate,
            smoothingSeconds = info.getDouble("smoothing_s"),
            speechGateDbfs = if (info.isNull("speech_gate_dbfs")) null else info.getDouble("speech_gate_dbfs"),
            tailRule = tail ?: throw BundleException("unknown tail_rule ${info.getString("tail_rule")}"),
        ).also {
            if (minOf(it.windowSamples, it.hopSamples, it.classes.size) < 1) {
                throw BundleException("window_samples, hop_samples and classes must hold at least 1")
            }
        }
    }

    private fun facts(info: JSONObject): ModelFacts {
        val origin = info.optJSONObject("created_from")
        val corpora = origin?.optJSONArray("corpora")
        val entries = List(corpora?.length() ?: 0) { corpora!!.getJSONObject(it) }
        return ModelFacts(
            live = live(info, origin),
            files = files(info, origin),
            corpora = entries.map { it.optString("title", it.optString("name")) },
            speakers = entries.sumOf { it.optInt("n_speakers") },
        )
    }

    /** The first of the evaluations heard live, where it was of people of whom the model had heard nothing. */
    private fun live(info: JSONObject, origin: JSONObject?): Reach? {
        val first = info.optJSONArray("live")?.optJSONObject(0) ?: return null
        val protocol = first.optString("protocol").substringBefore(",")
        val ownFolds = protocol == origin?.optString("protocol")
        val unseen = !first.optBoolean("leaky", true) && !(ownFolds && protocol !in OTHER_SPEAKERS)
        val classes = first.optJSONArray("classes") ?: return null
        val right = ofTen(first.optDouble("uar")) ?: return null
        return if (unseen) Reach(right, classes.length(), first.optBoolean("chosen_on")) else null
    }

    /** Of all recordings: the UAR beside it is a mean over emotions, and no share of cases. */
    private fun files(info: JSONObject, origin: JSONObject?): Reach? {
        val estimate = info.optJSONObject("uar_estimate")?.optJSONObject(modelFile) ?: return null
        val unseen = origin?.optString("protocol") in OTHER_SPEAKERS && !origin!!.optBoolean("leaky")
        val right = ofTen(estimate.optDouble("wa")) ?: return null
        return if (unseen) Reach(right, settings.classes.size, false) else null
    }

    /** Halves are rounded up, as everywhere; null: no share. */
    private fun ofTen(share: Double): Int? = if (share in 0.0..1.0) (10 * share + 0.5).toInt() else null

    companion object {
        const val SCHEMA_VERSION = 1
        const val SAMPLE_RATE = 16000
        val TERMS = listOf("LICENSE.md", "NOTICE.md")

        /** Protocols whose results were measured on speakers of whom the model had heard nothing. */
        private val OTHER_SPEAKERS = setOf("speaker_independent", "cross_corpus")

        fun sha256(content: ByteArray): String =
            MessageDigest.getInstance("SHA-256").digest(content).joinToString("") { "%02x".format(it) }
    }
}
