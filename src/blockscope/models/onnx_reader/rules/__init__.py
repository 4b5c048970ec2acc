"""The rules of the operations of ONNX, by kind."""
