"""Keras model to phone: conversion, quantisation, metadata, parity, bundle.

The main entrance is `ser_keras.export.bundle.export_run`.
"""
