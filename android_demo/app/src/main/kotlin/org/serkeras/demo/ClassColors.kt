package org.serkeras.demo

/** Colours of classes in the order of outputs; names stand beside them everywhere, so that none is needed to read. */
private val palette = intArrayOf(
    R.color.class_0, R.color.class_1, R.color.class_2, R.color.class_3,
    R.color.class_4, R.color.class_5, R.color.class_6, R.color.class_7,
)

fun classColor(index: Int): Int = palette[index % palette.size]

/** A class name as it is shown: the bundle writes them in lower case. */
fun shownName(name: String): String = name.replaceFirstChar { it.uppercaseChar() }
