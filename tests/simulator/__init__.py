"""
A simulator of Naver's Commerce API: a real HTTP server that knows nothing of the product it tests.

    with Simulator() as naver:
        seller = naver.add_seller("한빛상회", products=1200)
        seller.faults.add("maintenance", page=2, times=3)
        seller.before_page(2, lambda catalogue: catalogue.add())
        ...  # sync from naver.url with seller.client_id and seller.secret
        assert stored == seller.catalogue.expected()
        assert [request.status for request in naver.requests_of("한빛상회")] == [...]

KINDS lists the faults. What is not known of the real service is marked INFERRED or INVENTED where it is made.
Other processes run `python -m tests.simulator` and steer it by control.py's HTTP API.
"""

from tests.simulator.catalogue import Catalogue
from tests.simulator.faults import KINDS, Fault, Faults
from tests.simulator.request_log import RequestRecord
from tests.simulator.sellers import Seller
from tests.simulator.simulator import Simulator

__all__ = ["KINDS", "Catalogue", "Fault", "Faults", "RequestRecord", "Seller", "Simulator"]
