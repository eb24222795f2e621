"""The bucket that the environment names does not exist. Control: the right one, named again."""

from surroundings.presented import Presented


def change(presented: Presented, *, planted: bool) -> None:
    """Name the bucket."""
    bucket = "cutty-files-prd" if planted else presented.pair["s3_bucket"]
    presented.environment["r2"] = {"endpoint": presented.pair["s3_url"], "bucket": bucket}
