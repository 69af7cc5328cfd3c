package org.serkeras.demo

import android.Manifest
import android.app.Activity
import android.app.AlertDialog
import android.content.ActivityNotFoundException
import android.content.Intent
import android.content.pm.PackageManager
import android.net.Uri
import android.os.Build
import android.os.Bundle
import android.os.Handler
import android.os.Looper
import android.provider.Settings
import android.view.View
import android.view.WindowInsets
import android.widget.Button
import android.widget.TextView
import java.text.NumberFormat
import java.util.concurrent.ExecutorService
import java.util.concurrent.Executors
import kotlin.math.roundToInt
import org.serkeras.demo.core.Classifier
import org.serkeras.demo.core.DemoController
import org.serkeras.demo.core.ModelBundle
import org.serkeras.demo.core.Phase
import org.serkeras.demo.core.Problem
import org.serkeras.demo.core.Reach
import org.serkeras.demo.core.ScreenState
import org.serkeras.demo.core.cardBlocks

/** The one screen. It draws a [ScreenState] and passes taps on; everything else is in `core`. */
class MainActivity : Activity() {
    /** What outlives a rotation. */
    private class Kept(val controller: DemoController, val worker: ExecutorService)

    private lateinit var kept: Kept
    private val controller get() = kept.controller
    private var card: AlertDialog? = null
    private var drawn: ScreenState? = null

    private val emotion by lazy { findViewById<TextView>(R.id.emotion) }
    private val certainty by lazy { findViewById<TextView>(R.id.certainty) }
    private val status by lazy { findViewById<TextView>(R.id.status) }
    private val problemPanel by lazy { findViewById<View>(R.id.problem_panel) }
    private val problem by lazy { findViewById<TextView>(R.id.problem) }
    private val mend by lazy { findViewById<Button>(R.id.mend) }
    private val listen by lazy { findViewById<Button>(R.id.listen) }
    private val open by lazy { findViewById<Button>(R.id.open) }
    private val about by lazy { findViewById<Button>(R.id.about) }
    private val level by lazy { findViewById<LevelMeterView>(R.id.level) }
    private val bars by lazy { findViewById<BarsView>(R.id.bars) }
    private val timeline by lazy { findViewById<TimelineView>(R.id.timeline) }
    private val note by lazy { findViewById<TextView>(R.id.note) }
    private val licences by lazy { LICENCES.flatMap { cardBlocks(assets.open(it).use { text -> String(text.readBytes()) }) } }

    override fun onCreate(savedInstanceState: Bundle?) {
        super.onCreate(savedInstanceState)
        setContentView(R.layout.main)
        keepClearOfBars(findViewById(R.id.root))
        kept = lastNonConfigurationInstance as? Kept ?: start()
        listen.setOnClickListener { if (controller.state.phase.busy) controller.stop() else askAndListen() }
        open.setOnClickListener { openFile() }
        about.setOnClickListener { showCard() }
        controller.observer = ::render
        if (savedInstanceState?.getBoolean(CARD) == true && controller.state.card.isNotEmpty()) showCard()
    }

    override fun onResume() {
        super.onResume()
        if (mayRecord()) controller.permissionGranted() // it may have been allowed in the system's settings
    }

    override fun onStop() {
        super.onStop()
        // nobody is listened to in the background; a file may be read to its end
        if (!isChangingConfigurations && controller.state.phase == Phase.LISTENING) controller.stop()
    }

    override fun onDestroy() {
        super.onDestroy()
        card?.dismiss()
        controller.observer = null
        if (!isChangingConfigurations) {
            controller.close()
            kept.worker.shutdown()
        }
    }

    override fun onRetainNonConfigurationInstance(): Any = kept

    override fun onSaveInstanceState(outState: Bundle) {
        super.onSaveInstanceState(outState)
        outState.putBoolean(CARD, card?.isShowing == true)
    }

    override fun onRequestPermissionsResult(requestCode: Int, permissions: Array<String>, grantResults: IntArray) {
        if (grantResults.isEmpty()) return // the question was interrupted; the button asks again
        if (grantResults[0] == PackageManager.PERMISSION_GRANTED) {
            controller.startListening()
        } else {
            controller.permissionRefused(forGood = !shouldShowRequestPermissionRationale(MICROPHONE))
        }
    }

    override fun onActivityResult(requestCode: Int, resultCode: Int, data: Intent?) {
        val uri = data?.data
        if (requestCode != OPEN_FILE || resultCode != RESULT_OK || uri == null) return
        val file = OpenedFile(applicationContext, uri)
        controller.readFile(file::name, file::open)
    }

    private fun start(): Kept {
        val app = applicationContext
        val handler = Handler(Looper.getMainLooper())
        val worker = Executors.newSingleThreadExecutor { Thread(it, "inference") }
        val made = DemoController(
            openBundle = { ModelBundle { name -> app.assets.open("bundle/$name").use { it.readBytes() } } },
            makeClassifier = { Classifier(it.model(), it.settings) },
            makeMicrophone = ::MicrophoneRecorder,
            main = { handler.post(it) },
            worker = worker,
            files = { Thread(it, "file").start() },
        )
        made.load()
        return Kept(made, worker)
    }

    private fun askAndListen() {
        if (mayRecord()) controller.startListening() else requestPermissions(arrayOf(MICROPHONE), ASK_MICROPHONE)
    }

    private fun mayRecord() = checkSelfPermission(MICROPHONE) == PackageManager.PERMISSION_GRANTED

    private fun openFile() {
        val intent = Intent(Intent.ACTION_OPEN_DOCUMENT).addCategory(Intent.CATEGORY_OPENABLE).setType("audio/*")
        try {
            startActivityForResult(intent, OPEN_FILE)
        } catch (e: ActivityNotFoundException) {
            controller.filePickerMissing()
        }
    }

    private fun openSettings() =
        startActivity(Intent(Settings.ACTION_APPLICATION_DETAILS_SETTINGS, Uri.fromParts("package", packageName, null)))

    private fun showCard() {
        card = AlertDialog.Builder(this)
            .setTitle(R.string.about_title)
            .setMessage(cardText(this, controller.state.card + licences))
            .setPositiveButton(R.string.close, null)
            .show()
    }

    private fun render(state: ScreenState) {
        renderAnswer(state)
        renderProblem(state)
        val busy = state.phase.busy
        val usable = state.phase != Phase.LOADING && state.phase != Phase.BROKEN
        listen.setTextOnce(getString(if (busy) R.string.stop else R.string.listen))
        listen.isEnabled = usable
        open.isEnabled = usable
        about.isEnabled = state.card.isNotEmpty()
        renderPictures(state)
        level.visibility = if (state.phase == Phase.LISTENING) View.VISIBLE else View.INVISIBLE
        level.show(state.levelDbfs)
        level.keepScreenOn = state.phase == Phase.LISTENING
        note.setTextOnce(noteText(state))
    }

    /** The level changes 25 times a second, these twice: drawing and describing them each time would be for nothing. */
    private fun renderPictures(state: ScreenState) {
        val before = drawn
        drawn = state
        if (before != null && before.belief === state.belief && before.top == state.top &&
            before.moments === state.moments && before.classes == state.classes
        ) {
            return
        }
        bars.show(state.classes, state.belief, state.top)
        val live = state.fileName == null
        timeline.show(state.classes, state.moments, state.timelineEnd, state.timelineSeconds, live)
    }

    private fun renderAnswer(state: ScreenState) {
        val top = state.top
        emotion.setTextOnce(
            when {
                top != null -> shownName(state.classes[top])
                state.speech == false -> getString(R.string.no_speech)
                else -> getString(R.string.nothing_yet)
            },
        )
        certainty.setTextOnce(
            if (top == null) "" else getString(R.string.certainty, (100 * state.belief!![top]).roundToInt()),
        )
        status.setTextOnce(
            when (state.phase) {
                Phase.LOADING -> getString(R.string.loading)
                Phase.BROKEN -> ""
                Phase.READING_FILE -> state.fileName?.let { getString(R.string.reading, it) } ?: getString(R.string.opening)
                Phase.LISTENING -> if (state.speech == null) firstAnswer(state) else timing(state)
                Phase.READY -> if (state.speech == null) getString(R.string.ready) else timing(state)
            },
        )
    }

    private fun firstAnswer(state: ScreenState): String {
        val format = NumberFormat.getInstance().apply { maximumFractionDigits = 2 }
        return getString(R.string.listening, format.format(state.windowSeconds ?: 0.0))
    }

    private fun timing(state: ScreenState): String {
        val milliseconds = state.milliseconds ?: 0.0
        val seconds = state.fileSeconds
        return when {
            seconds != null -> getString(R.string.timing_file, state.fileName, seconds, milliseconds)
            state.dropped > 0 -> getString(R.string.timing_dropped, milliseconds, state.dropped)
            else -> getString(R.string.timing, milliseconds)
        }
    }

    private fun renderProblem(state: ScreenState) {
        problemPanel.visibility = if (state.problem == null) View.GONE else View.VISIBLE
        val found = state.problem ?: return
        val (text, button) = when (found) {
            Problem.MODEL_DAMAGED -> R.string.problem_model to null
            Problem.SELF_TEST_FAILED -> R.string.problem_self_test to null
            Problem.PERMISSION_REFUSED -> R.string.problem_refused to (R.string.allow to ::askAndListen)
            Problem.PERMISSION_BLOCKED -> R.string.problem_blocked to (R.string.settings to ::openSettings)
            Problem.MICROPHONE_BUSY -> R.string.problem_busy to (R.string.again to ::askAndListen)
            Problem.MICROPHONE_LOST -> R.string.problem_lost to (R.string.again to ::askAndListen)
            Problem.MICROPHONE_MUTED -> R.string.problem_muted to null
            Problem.FILE_UNREADABLE -> R.string.problem_file to (R.string.other_file to ::openFile)
            Problem.NO_FILE_PICKER -> R.string.problem_picker to null
        }
        problem.setTextOnce(getString(text, state.detail.orEmpty()))
        mend.visibility = if (button == null) View.GONE else View.VISIBLE
        button?.let { (label, action) ->
            mend.setTextOnce(getString(label))
            mend.setOnClickListener { action() }
        }
    }

    private fun noteText(state: ScreenState): String {
        val facts = state.facts ?: return getString(R.string.note)
        val live = facts.live?.let { said(R.string.note_live, it) } ?: getString(R.string.note_not_live)
        val chosenOn = if (facts.live?.chosenOn == true) getString(R.string.note_chosen_on) else null
        val files = facts.files?.let { said(R.string.note_files, it) } ?: getString(R.string.note_not_files)
        val trained = getString(R.string.note_training, facts.speakers, facts.corpora.joinToString(", "))
        return listOfNotNull(live, chosenOn, files, getString(R.string.note), trained).joinToString(" ")
    }

    private fun said(sentence: Int, reach: Reach): String {
        val numbers = resources.getStringArray(R.array.numbers)
        fun word(n: Int) = numbers.getOrElse(n) { "$n" }
        return getString(sentence, word(reach.classes), word(reach.ofTen))
    }

    /** Since Android 15 apps draw behind the system's bars. */
    private fun keepClearOfBars(root: View) = root.setOnApplyWindowInsetsListener { view, insets ->
        if (Build.VERSION.SDK_INT >= Build.VERSION_CODES.R) {
            val bars = insets.getInsets(WindowInsets.Type.systemBars() or WindowInsets.Type.displayCutout())
            view.setPadding(bars.left, bars.top, bars.right, bars.bottom)
        } else {
            @Suppress("DEPRECATION")
            view.setPadding(
                insets.systemWindowInsetLeft, insets.systemWindowInsetTop,
                insets.systemWindowInsetRight, insets.systemWindowInsetBottom,
            )
        }
        insets
    }

    /** A text that stays must not be set again: a screen reader would speak a live region each time. */
    private fun TextView.setTextOnce(value: String) {
        if (text.toString() != value) text = value
    }

    private val Phase.busy get() = this == Phase.LISTENING || this == Phase.READING_FILE

    private companion object {
        const val MICROPHONE = Manifest.permission.RECORD_AUDIO
        const val ASK_MICROPHONE = 1
        const val OPEN_FILE = 2
        const val CARD = "card"
        val LICENCES = listOf("licences/NOTICE.md", "licences/LICENSE")
    }
}
