# What a job asks for beside its one thread: memory in MB, time in minutes. A workstation heeds neither;
# a cluster ends a job that takes more.


def growing(amount):
    """Resources: as much again for every further attempt, which only a profile with retries makes."""
    return lambda wildcards, attempt: amount * attempt


# A job that runs batches through a network: TensorFlow, the network, and the batches' share.
NETWORK_MB = growing(BASE_MB + project.settings.compute.memory_mb)
