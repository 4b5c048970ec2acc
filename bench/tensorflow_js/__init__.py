"""Networks of TensorFlow.js, compared with what it computes and with Keras."""
