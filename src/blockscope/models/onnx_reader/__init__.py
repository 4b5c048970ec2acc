"""ONNX classifiers as frozen TensorFlow graphs, channels last.

An ONNX graph is read as what it computes for one image, however its batch is written, and that is
put behind a leading image axis. So a batch of one that an exporter wrote into a reshape does no
harm, and no operation can mix images.
"""
