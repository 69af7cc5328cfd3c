package org.serkeras.demo

import android.content.ContentResolver
import android.content.ContextWrapper
import android.content.Intent
import android.content.pm.PackageManager
import android.media.AudioRecord
import android.net.Uri
import android.provider.Settings
import android.view.View
import java.io.File
import java.util.concurrent.CountDownLatch
import org.json.JSONObject
import org.junit.Assert.assertEquals
import org.junit.Assert.assertFalse
import org.junit.Assert.assertTrue
import org.junit.Test
import org.serkeras.demo.core.ModelBundle
import org.serkeras.demo.core.bundleFolder

/** What the screen says where something is wrong, and what it offers. */
class ProblemsTest : Phone() {
    @Test
    fun aMutedMicrophoneIsToldAndGoesAway() {
        val speech = ShortArray(40 * 16000) { if (it < 3 * 16000) 0 else clip[it % clip.size] }
        AudioRecord.standInSound = AudioRecord.StandInSound { speech }
        val activity = ready()
        activity.tap(R.id.listen)
        await("the hint") { activity.text(R.id.problem).contains("gives nothing at all") }
        assertEquals(View.GONE, activity.findViewById<View>(R.id.mend).visibility)
        await("its end") { activity.findViewById<View>(R.id.problem_panel).visibility == View.GONE }
    }

    @Test
    fun aRefusedPermissionSaysWhatToDo() {
        ContextWrapper.standInAllowed = false
        val activity = ready()
        activity.tap(R.id.listen)
        assertEquals("android.permission.RECORD_AUDIO", activity.standInAsked.single())
        activity.standInRationale = true
        activity.onRequestPermissionsResult(1, activity.standInAsked, intArrayOf(PackageManager.PERMISSION_DENIED))
        assertTrue(activity.text(R.id.problem).contains("stored nowhere"))
        assertEquals("Allow the microphone", activity.text(R.id.mend))
        paint(activity, "refused")
        activity.standInAsked = null
        activity.tap(R.id.mend)
        assertTrue(activity.standInAsked.isNotEmpty())

        activity.standInRationale = false // "don't ask again"
        activity.onRequestPermissionsResult(1, activity.standInAsked, intArrayOf(PackageManager.PERMISSION_DENIED))
        assertEquals("Open settings", activity.text(R.id.mend))
        activity.tap(R.id.mend)
        assertEquals(Settings.ACTION_APPLICATION_DETAILS_SETTINGS, activity.standInStarted.single().action)
        assertEquals("package:org.serkeras.demo", activity.standInStarted.single().data.toString())
        ContextWrapper.standInAllowed = true // allowed there
        activity.standInLife("resume", null)
        assertEquals(View.GONE, activity.findViewById<View>(R.id.problem_panel).visibility)
    }

    @Test
    fun anInterruptedQuestionIsNoRefusal() {
        ContextWrapper.standInAllowed = false
        val activity = ready()
        activity.onRequestPermissionsResult(1, arrayOf(), intArrayOf())
        assertEquals(View.GONE, activity.findViewById<View>(R.id.problem_panel).visibility)
    }

    @Test
    fun aTakenMicrophoneCanBeTriedAgain() {
        val sound = AudioRecord.standInSound
        AudioRecord.standInSound = null
        val activity = ready()
        activity.tap(R.id.listen)
        await("the problem") { activity.text(R.id.problem).contains("Another app may be using it") }
        assertEquals("Listen", activity.text(R.id.listen))
        AudioRecord.standInSound = sound
        activity.tap(R.id.mend)
        await("an answer") { activity.text(R.id.certainty).isNotEmpty() }
        assertEquals(View.GONE, activity.findViewById<View>(R.id.problem_panel).visibility)
    }

    @Test
    fun aLostMicrophoneIsToldAndTheAnswerStays() {
        AudioRecord.standInDies = true
        val activity = listening()
        await("the loss") { activity.text(R.id.problem).contains("The microphone is gone") }
        assertTrue(activity.text(R.id.certainty).isNotEmpty())
        await("the microphone's release") { AudioRecord.standInOpen == 0 } // by the thread that listened
    }

    @Test
    fun aMicrophoneThatGivesNothingAnyMoreIsLost() {
        AudioRecord.standInOnlyRate = 48000
        AudioRecord.standInEmptyReads = Int.MAX_VALUE
        val activity = ready()
        activity.tap(R.id.listen)
        await("the loss") { activity.text(R.id.problem).contains("The microphone is gone") }
        await("the microphone's release") { AudioRecord.standInOpen == 0 }
    }

    @Test
    fun aFileThatNeverOpensKeepsNothingElseWaiting() {
        val cloud = CountDownLatch(1)
        ContentResolver.standInWait = cloud
        val before = inferenceThreads()
        val activity = ready()
        activity.standInResult(2, -1, Intent("", Uri.parse(File(bundleFolder, "reference.wav").path)))
        await("the attempt") { activity.text(R.id.status).startsWith("Reading") }
        activity.tap(R.id.listen)
        assertEquals("Listen", activity.text(R.id.listen))
        activity.tap(R.id.listen)
        await("an answer from the microphone") { activity.text(R.id.certainty).isNotEmpty() }
        activity.standInLife("destroy", null)
        opened.remove(activity)
        await("the end of the inference thread") { (inferenceThreads() - before).isEmpty() }
        cloud.countDown()
        await("the end of the file's thread") { threads("file").isEmpty() }
        assertEquals("streams that nobody closed", 0, ContentResolver.standInOpen.get())
    }

    private fun inferenceThreads() = threads("inference").toSet()

    private fun threads(name: String) = Thread.getAllStackTraces().keys.filter { it.name == name }

    @Test
    fun aFileThatIsNoneSaysSoAndAnotherCanBeChosen() {
        val activity = ready()
        val note = File.createTempFile("note", ".wav").apply { writeText("RIFF but nothing else in here"); deleteOnExit() }
        activity.standInResult(2, -1, Intent("", Uri.parse(note.path)))
        await("the problem") { activity.text(R.id.problem).contains("${note.name} is no WAV file.") }
        assertEquals("Choose another file", activity.text(R.id.mend))
        activity.standInResult(2, -1, Intent("", Uri.parse("/nowhere/gone.wav")))
        await("the other problem") { activity.text(R.id.problem).contains("gone.wav can't be opened") }
        activity.standInResult(2, 0, null) // the picker was left without choosing: nothing changes
        assertTrue(activity.text(R.id.problem).contains("gone.wav"))
        assertEquals("streams that nobody closed", 0, ContentResolver.standInOpen.get())
    }

    @Test
    fun aWavOfAnotherCodingIsGivenToThePhonesDecoders() {
        val activity = ready()
        val content = File(bundleFolder, "reference.wav").readBytes().also { it[20] = 6 } // A-law, says its header
        val file = File.createTempFile("call", ".wav").apply { writeBytes(content); deleteOnExit() }
        activity.standInResult(2, -1, Intent("", Uri.parse(file.path)))
        // the stand-in has no decoders: what the reader found is said
        await("the problem") { activity.text(R.id.problem).contains("${file.name} holds compressed or unusual audio (format 6") }
        assertEquals("streams that nobody closed", 0, ContentResolver.standInOpen.get())
    }

    @Test
    fun anAppThatFailsToGiveItsFileIsSaid() {
        val activity = ready()
        ContentResolver.standInFailure = UnsupportedOperationException("out of order")
        activity.standInResult(2, -1, Intent("", Uri.parse("/cloud/voice.wav")))
        await("the problem") { activity.text(R.id.problem).contains("voice.wav can't be opened: out of order.") }
        assertEquals("no other thread may wait for it", "file", ContentResolver.standInAskedBy)
        assertTrue(activity.findViewById<View>(R.id.listen).isEnabled)
    }

    @Test
    fun aDamagedModelIsSaid() {
        val broken = otherAssets()
        val model = File(broken, "bundle/${bundle.modelFile}")
        model.writeBytes(model.readBytes().also { it[1000] = (it[1000] + 1).toByte() })
        val activity = start()
        await("the problem") { activity.text(R.id.problem).contains("is damaged") }
        paint(activity, "damaged")
        assertFalse(activity.findViewById<View>(R.id.listen).isEnabled)
        broken.deleteRecursively()
    }

    @Test
    fun aPhoneThatComputesSomethingElseDoesntAnswer() {
        val others = otherAssets() // the same as if the phone were wrong: the clip must give other probabilities
        val reference = File(others, "bundle/reference.json")
        val before = ModelBundle.sha256(reference.readBytes())
        val content = JSONObject(reference.readText())
        val expected = content.getJSONObject("probabilities").getJSONObject(bundle.modelFile)
        for (name in bundle.settings.classes) expected.put(name, 1.0 / bundle.settings.classes.size)
        reference.writeText(content.toString())
        val description = File(others, "bundle/bundle.json")
        description.writeText(description.readText().replace(before, ModelBundle.sha256(reference.readBytes())))
        val activity = start()
        await("the problem") { activity.text(R.id.problem).contains("computes something else than it should") }
        assertFalse(activity.findViewById<View>(R.id.listen).isEnabled)
        activity.standInResult(2, -1, Intent("", Uri.parse(File(bundleFolder, "reference.wav").path)))
        assertEquals("–", activity.text(R.id.emotion))
        others.deleteRecursively()
    }
}
