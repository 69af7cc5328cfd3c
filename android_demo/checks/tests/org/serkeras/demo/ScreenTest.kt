package org.serkeras.demo

import android.app.AlertDialog
import android.content.Intent
import android.media.AudioRecord
import android.net.Uri
import android.os.Bundle
import android.view.View
import android.widget.TextView
import java.io.File
import org.json.JSONArray
import org.json.JSONObject
import org.junit.Assert.assertEquals
import org.junit.Assert.assertFalse
import org.junit.Assert.assertNull
import org.junit.Assert.assertSame
import org.junit.Assert.assertTrue
import org.junit.Test
import org.serkeras.demo.core.ModelBundle
import org.serkeras.demo.core.bundleFolder

/** What the screen shows while all is well. */
class ScreenTest : Phone() {
    @Test
    fun listensAndNamesTheEmotionOfTheClip() {
        val backwards = clip.reversedArray()
        val slow = ShortArray(2 * clip.size) { clip[it / 2] }
        val pause = ShortArray(4 * 16000) { 1 }
        val talk = clip + clip + pause + backwards + backwards + slow + slow + pause + clip + backwards + clip
        AudioRecord.standInSound = AudioRecord.StandInSound { talk }
        AudioRecord.standInMilliseconds = 4
        val activity = ready()
        paint(activity, "ready")
        assertFalse(activity.findViewById<View>(R.id.level).keepScreenOn)
        activity.tap(R.id.listen)
        await("an answer") { activity.text(R.id.certainty).isNotEmpty() }
        val reference = bundle.reference().probabilities
        val expected = bundle.settings.classes[reference.indices.maxBy { reference[it] }]
        // the first window is the clip; later ones hold it cut in two
        val first = activity.findViewById<TextView>(R.id.emotion).standInTexts.first { it != "–" }
        assertEquals(shownName(expected), first)
        assertEquals("Stop", activity.text(R.id.listen))
        assertTrue(activity.findViewById<View>(R.id.level).keepScreenOn)
        assertTrue(activity.text(R.id.status).contains("on this phone in"))
        assertTrue(activity.findViewById<View>(R.id.bars).contentDescription.startsWith(activity.text(R.id.emotion)))
        paint(activity, "first-answer")
        await("a longer timeline") { seconds(activity) >= 15 }
        await("an answer") { activity.text(R.id.certainty).isNotEmpty() }
        paint(activity, "listening")
        val last = activity.text(R.id.emotion)
        activity.tap(R.id.listen)
        assertEquals("Listen", activity.text(R.id.listen))
        assertEquals(0, AudioRecord.standInOpen)
        assertEquals("the answer stays", last, activity.text(R.id.emotion))
    }

    @Test
    fun quietIsNoSpeech() {
        AudioRecord.standInSound = AudioRecord.StandInSound { ShortArray(0) } // then the stand-in's noise of one step
        val activity = ready()
        activity.tap(R.id.listen)
        await("no speech") { activity.text(R.id.emotion) == "No speech" }
        paint(activity, "no-speech")
        assertEquals(View.GONE, activity.findViewById<View>(R.id.problem_panel).visibility)
    }

    @Test
    fun aScreenReaderHearsAnAnswerOnlyWhenItChanges() {
        val activity = listening()
        val emotion = activity.findViewById<TextView>(R.id.emotion)
        await("more windows") { seconds(activity) >= 4 }
        val said = emotion.standInTexts
        assertTrue("$said", said.size > 1 && said.zipWithNext().none { (one, next) -> one == next })
    }

    @Test
    fun aPhoneWithoutSixteenKilohertzIsResampled() {
        AudioRecord.standInOnlyRate = 48000
        val activity = listening()
        assertTrue(activity.text(R.id.emotion).isNotEmpty())
    }

    @Test
    fun aMicrophoneThatOnceGivesNothingIsListenedToFurther() {
        AudioRecord.standInOnlyRate = 48000
        AudioRecord.standInEmptyReads = 1
        val activity = listening()
        await("more windows") { seconds(activity) >= 4 }
    }

    @Test
    fun rotationKeepsListening() {
        val first = listening()
        first.tap(R.id.about)
        first.standInChangingConfigurations = true
        val saved = Bundle()
        first.standInLife("stop", null)
        first.standInLife("save", saved)
        val kept = first.onRetainNonConfigurationInstance()
        first.standInLife("destroy", null)
        opened.clear()
        configure(landscape = true)
        val second = start(kept, saved)
        assertSame(kept, second.onRetainNonConfigurationInstance())
        assertEquals("Stop", second.text(R.id.listen))
        assertEquals(first.text(R.id.emotion), second.text(R.id.emotion))
        assertEquals(1, AudioRecord.standInOpen)
        await("more windows") { seconds(second) >= 4 }
        paint(second, "landscape", 2220, 1080)
        second.standInLife("stop", null) // now to the background
        assertEquals(0, AudioRecord.standInOpen)
        assertEquals("Listen", second.text(R.id.listen))
    }

    @Test
    fun aFileIsClassifiedAsPythonDoes() {
        val activity = ready()
        activity.tap(R.id.open)
        assertEquals(Intent.ACTION_OPEN_DOCUMENT, activity.standInStarted.single().action)
        val path = File(bundleFolder, "reference.wav").path
        activity.standInResult(2, -1, Intent("", Uri.parse(path)))
        await("the answer") { activity.text(R.id.certainty).isNotEmpty() }
        val reference = bundle.reference().probabilities
        val top = reference.indices.maxBy { reference[it] }
        assertEquals(shownName(bundle.settings.classes[top]), activity.text(R.id.emotion))
        assertEquals("%.0f %%".format(100 * reference[top]), activity.text(R.id.certainty))
        val seconds = bundle.settings.windowSamples.toDouble() / bundle.settings.sampleRate
        assertTrue(activity.text(R.id.status).startsWith("reference.wav, %.1f s; ".format(seconds)))
        paint(activity, "file")
    }

    @Test
    fun theCardIsShownAndOutlivesRotation() {
        val activity = ready()
        val saved = Bundle()
        activity.standInLife("save", saved)
        assertFalse(saved.getBoolean("card"))
        activity.tap(R.id.about)
        activity.standInLife("save", saved)
        assertTrue(saved.getBoolean("card"))
        val shown = AlertDialog.standInLast.standInMessage.toString()
        assertTrue(shown.startsWith("Everything is computed on this phone"))
        for (part in listOf("Use and misuse", "Training data")) assertTrue(part, shown.contains(part))
        assertFalse(Regex("\\*\\*|`|\\|").containsMatchIn(shown)) // no Markdown is left
        val text = TextView(activity)
        text.text = shown
        text.paint.textSize = 14 * DENSITY
        paint(text, 0xffffffff.toInt(), "card", 1080, 6000)
        activity.standInChangingConfigurations = true
        val turned = start(activity.onRetainNonConfigurationInstance(), saved)
        opened.remove(activity)
        val again = Bundle().also { turned.standInLife("save", it) }
        assertTrue("shown again after rotation", again.getBoolean("card"))
        assertTrue(activity.text(R.id.note).contains("speakers of"))
    }

    @Test
    fun theNoteBeginsWithHowOftenItIsRightInARoom() {
        val others = otherAssets()
        val description = File(others, "bundle/bundle.json")
        val info = JSONObject(description.readText())
        val heard = JSONObject().put("protocol", "final model on casia, heard live").put("leaky", false).put("uar", 0.58)
        heard.put("classes", JSONArray(listOf("anger", "happiness", "neutral", "sadness"))).put("chosen_on", true)
        info.put("live", JSONArray().put(heard))
        info.getJSONObject("created_from").put("protocol", "speaker_independent").put("leaky", false)
        info.getJSONObject("uar_estimate").getJSONObject(bundle.modelFile).put("wa", 0.81)
        description.writeText(info.toString())
        val parts = listOf(
            "On people that it never heard, in a room, it names the right one of four emotions in about six of ten cases.",
            "expect less",
            " in about eight of ten. ",
            "Don't use it to decide anything about people.",
        )
        val note = ready().text(R.id.note)
        for (part in parts) assertTrue(note, note.contains(part))
        assertEquals(parts, parts.sortedBy { note.indexOf(it) })
        assertTrue(note, note.startsWith(parts[0]))
        info.remove("live") // as bundles from before it was measured
        info.remove("uar_estimate")
        description.writeText(info.toString())
        assertTrue(ready().text(R.id.note).contains("people in a room was not measured live. How often"))
        others.deleteRecursively()
    }

    @Test
    fun aColorBelongsToANameAndNoTwoClassesShareOne() {
        val six = listOf("anger", "disgust", "fear", "happiness", "neutral", "sadness")
        val eight = listOf("surprise", "sadness", "neutral", "happiness", "fear", "disgust", "boredom", "anger")
        val of = eight.zip(classColors(eight)).toMap()
        assertEquals(six.map { of[it] }, classColors(six))
        val others = listOf("calm", "anger", "laughter", "boredom", "surprise")
        assertEquals(others.size, classColors(others).toSet().size)
        assertEquals(of["anger"], classColors(others)[1])
    }

    @Test
    fun theLicencesStandBeneathTheCard() {
        val others = otherAssets()
        val description = File(others, "bundle/bundle.json")
        val text = "# Terms\n\n- **Not for\n  commercial use.**\n".also { File(others, "bundle/LICENSE.md").writeText(it) }
        val info = JSONObject(description.readText())
        info.getJSONObject("files").put("LICENSE.md", JSONObject().put("sha256", ModelBundle.sha256(text.toByteArray())))
        description.writeText(info.toString())
        ready().tap(R.id.about)
        val shown = AlertDialog.standInLast.standInMessage.toString()
        val parts = listOf("Training data", "Not for commercial use.", "LiteRT (TensorFlow Lite)", "Kotlin's standard library", "Apache License Version 2.0")
        assertEquals(parts, parts.sortedBy { shown.indexOf(it) })
        for (part in parts) assertTrue(part, shown.contains(part))
        assertTrue(shown.trim().endsWith("limitations under the License."))
        others.deleteRecursively()
    }

    @Test
    fun darkAndLargeFonts() {
        configure(night = true)
        paint(listening(), "dark")
        configure(fontScale = 2f)
        val large = ready()
        large.standInResult(2, -1, Intent("", Uri.parse(File(bundleFolder, "reference.wav").path)))
        await("the answer") { large.text(R.id.certainty).isNotEmpty() }
        paint(large, "large-fonts", height = 3600)
        val word = large.findViewById<TextView>(R.id.emotion)
        assertTrue("a word fits the screen", word.paint.measureText(word.text.toString()) <= word.width)
        assertNull(large.standInAsked)
    }
}
