package org.serkeras.demo

/** Colours of emotions; names stand beside them everywhere, so that none is needed to read. */
private val palette = mapOf(
    "anger" to R.color.class_anger,
    "boredom" to R.color.class_boredom,
    "disgust" to R.color.class_disgust,
    "fear" to R.color.class_fear,
    "happiness" to R.color.class_happiness,
    "neutral" to R.color.class_neutral,
    "sadness" to R.color.class_sadness,
    "surprise" to R.color.class_surprise,
)

/** The colours of a model's classes: that of its name, and for another name one that no class of the model has. */
fun classColors(classes: List<String>): List<Int> {
    val free = (palette - classes.toSet()).values.toList().ifEmpty { palette.values.toList() }
    var others = 0
    return classes.map { palette[it] ?: free[others++ % free.size] }
}

/** A class name as it is shown: the bundle writes them in lower case. */
fun shownName(name: String): String = name.replaceFirstChar { it.uppercaseChar() }
