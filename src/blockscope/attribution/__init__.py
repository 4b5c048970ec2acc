"""Attribution: what in a layer contributes to what comes later. Arrays in, (named) arrays out.

``all_labels``             every label's logit to positions: gradient x activation
``positions``              positions of a later layer to those of an earlier one
``grad_x_activation``      labels, or channels of a later layer, to channels
``integrated_gradients``   a label, or one against another (``contrasts``), to channels
``channels``               the same by several methods, as one dataset
``ablation``               what logits really lose without a part of the layer
``scores``, ``layer_scores``  how good maps are, of any method; ``rivals``: those of others
``factors``                the attributions of all labels as a few factors (NMF, PCA)
``neuron_groups``          activations as a few groups, by NMF; ``group_effects``: their attribution
"""
